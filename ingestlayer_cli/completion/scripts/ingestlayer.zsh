#compdef ingestlayer
# Completion of ingestlayer for zsh: a file of $fpath by the name of _ingestlayer, or sourced.

_ingestlayer() {
    local program=${(Q)words[1]} how value told
    local -a found values
    local -a match mbegin mend
    if [[ $program == '~/'* ]]; then
        program=$HOME/${program#'~/'}
    elif [[ $program =~ '^[$][{]?([A-Za-z_][A-Za-z0-9_]*)[}]?(/.*)$' ]]; then
        program=${(P)match[1]}$match[2]
    fi
    whence -p -- "$program" > /dev/null || program=ingestlayer
    found=("${(@0)$(_INGESTLAYER_COMPLETE=zsh "$program" "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" 2> /dev/null < /dev/null)}")
    how=$found[1]
    shift found
    for value told in "${(@)found}"; do
        [[ -n $value ]] && values+=("${${value//\\/\\\\}//:/\\:}${told:+:$told}")
    done
    case $how in
        files) compset -P '(-*=|)(@|)'; _files ;;
        folders) compset -P '-*='; _files -/ ;;
        parts) _describe -V 'what may stand here' values -S '' ;;
        *) _describe -V 'what may stand here' values ;;
    esac
}

if [[ $funcstack[1] == _ingestlayer ]]; then
    _ingestlayer "$@"  # loaded by the first Tab, which waits for it
else
    (( $+functions[compdef] )) || { autoload -Uz compinit && compinit -i }
    compdef _ingestlayer ingestlayer "ingestlayer'" 'ingestlayer"'  # a path in quotes ends so
fi

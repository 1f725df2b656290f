# Completion of ingestlayer for bash. The program says what may stand at the cursor, quoted as it must be typed.

_ingestlayer() {
    local program=$1 how each named='^[$][{]?([A-Za-z_][A-Za-z0-9_]*)[}]?(/.*)$'
    # As it is typed: with blanks in it, a home's `~`, a variable at its start.
    program=${program//[\\\"\']/}
    if [[ $program == '~/'* ]]; then
        program=$HOME/${program#'~/'}
    elif [[ $program =~ $named ]]; then
        each=${BASH_REMATCH[1]}
        program=${!each:-}${BASH_REMATCH[2]}
    fi
    type -P -- "$program" > /dev/null || program=ingestlayer
    COMPREPLY=()
    {
        IFS= read -r how
        while IFS= read -r each; do
            COMPREPLY+=("$each")
        done
    } <<< "$(_INGESTLAYER_COMPLETE=bash _INGESTLAYER_LINE="${COMP_LINE:0:COMP_POINT}" _INGESTLAYER_WORD="$2" \
        "$program" 2> /dev/null < /dev/null)"
    # Before bash 4 there is no compopt, and files are offered where nothing else is.
    case $how in
        files)
            if [[ $2 == @* ]]; then
                compopt -o filenames 2> /dev/null
                while IFS= read -r each; do
                    [[ -n $each ]] && COMPREPLY+=("@$each")
                done <<< "$(compgen -f -- "${2#@}")"
            fi
            ;;
        folders) compopt +o default -o dirnames 2> /dev/null ;;
        parts) compopt +o default -o nospace 2> /dev/null ;;
        *) compopt +o default -o nosort 2> /dev/null ;;
    esac
}

# By the end of a path in quotes, too.
complete -o default -F _ingestlayer ingestlayer "ingestlayer'" 'ingestlayer"'

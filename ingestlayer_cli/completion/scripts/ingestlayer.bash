# Completion of ingestlayer for bash. The program says what may stand at the cursor, quoted as it must be typed.

_ingestlayer() {
    local program=$1 how each
    case $program in
        '~/'*) program=$HOME/${program#'~/'} ;;
    esac
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

complete -o default -F _ingestlayer ingestlayer

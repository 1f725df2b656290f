# Completion of ingestlayer for fish.

function __ingestlayer_offered
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l start (string unescape -- $current; or string trim --left --chars='"\'' -- $current)
    set -l program (string replace -r '^~/' "$HOME/" -- $words[1])
    if set -l parts (string match -r '^\$(\w+)(/.*)' -- $program)
        set program $$parts[2]$parts[3]
    end
    type -q -- $program; or set program ingestlayer
    set -l found (_INGESTLAYER_COMPLETE=fish $program $words[2..-1] "$start" 2>/dev/null </dev/null | string split0)
    switch "$found[1]"
        case files
            __ingestlayer_paths "$current" __fish_complete_path
        case folders
            __ingestlayer_paths "$current" __fish_complete_directories
        case '*'
            for at in (seq 2 2 (count $found))
                set -l next (math $at + 1)
                printf '%s\t%s\0' $found[$at] $found[$next]
            end
    end
end

# What stands before a path in its word, `--batch=` or `@`, is a part of what fish replaces.
function __ingestlayer_paths
    set -l head (string match -r '^(?:-[^=]*=)?@?' -- $argv[1])
    for path in ($argv[2] (string sub --start (math (string length -- "$head") + 1) -- $argv[1]))
        printf '%s%s\0' "$head" $path
    end
end

complete --command ingestlayer --erase
complete --command ingestlayer --no-files --keep-order --arguments '(__ingestlayer_offered | string split0)'

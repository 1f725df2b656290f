#!/bin/sh
# Bring this machine to the newest commit of main, once that is valid and passes its tests; else all stays as it is.
#
# Once, on each machine:
#   mkdir -p /srv/usage && git clone --bare git@github.com:your-org/usage.git /srv/usage/repo.git
#   git --git-dir /srv/usage/repo.git show main:deploy.sh | sh -s /srv/usage
# and then by its crontab. Back to what was before: git revert, and push.
#
#   repo.git    the clone                        data      what exports write: customers.csv, usage.csv
#   releases    a folder a commit                state     the store of this machine, with what is paused here
#   current     a link to one of them: the project that everything on this machine runs
set -eu

# Put what exports have written beside the files of a release.
link() {
    for file in data/*; do
        if [ -e "$file" ]; then
            ln -sf "../../$file" "$1/"
        fi
    done
}

cd "${1:-/srv/usage}"
exec 9> deploy.lock
flock 9                         # one at a time
git --git-dir repo.git fetch -q origin +main:main
commit=$(git --git-dir repo.git rev-parse main)
release=releases/$commit
if [ "$(readlink current || true)" = "$release" ]; then
    link "$release"
    exit 0
fi

# The commit beside the one that runs, with what is not in git.
mkdir -p data state
rm -rf "$release" "$release.part"
mkdir -p "$release.part"
git --git-dir repo.git archive "$commit" | tar -x -C "$release.part"
ln -s ../../state "$release.part/.ingestlayer"
link "$release.part"

# An export that is not there yet is no reason to stay behind: `doctor` tells of it.
ingestlayer -C "$release.part" validate --strict --no-entities
ingestlayer -C "$release.part" test -q
mv "$release.part" "$release"

# One rename: nothing that runs meanwhile sees half of one commit and half of another.
ln -sfn "$release" current.new
mv -T current.new current
echo "$(uname -n): $commit"

# What was before stays to look at; the fifth before it goes.
ls -dt releases/* | tail -n +6 | xargs -r rm -rf

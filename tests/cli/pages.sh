#!/bin/sh
# The manual page in the repository is the one that the tool prints; completion scripts are sound.
. "$(dirname "$0")/harness.sh"

expect 0 help --man
diff "$root/docs/hone.1" out >difference ||
    fault "docs/hone.1 differs: \"hone help --man > docs/hone.1\" renews it; $(head -n 5 difference)"
if command -v man >/dev/null; then
    man --warnings -l -Tutf8 out 2>warnings >/dev/null
    silent warnings
fi

expect 0 help --completion=bash
bash -n out || fault "the bash script is not sound"
cat >try.bash <<'EOT'
. ./out
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
_hone
printf '%s\n' "${COMPREPLY[@]}"
EOT
complete() {
    expected=$1
    shift
    bash try.bash "$@" | sort | tr '\n' ' ' >replies
    [ "$(cat replies)" = "$expected " ] || fault "completing \"$*\": $(cat replies), expected $expected"
}
complete bench hone ben
complete "bar" hone run x --progress ba
complete "bash" hone help --completion ba
complete "--warm-up" hone bench x --wa

expect 0 help --completion=zsh
says out "#compdef hone"
! command -v zsh >/dev/null || zsh -n out || fault "the zsh script is not sound"
expect 0 help --completion=fish
says out "complete -c hone"
! command -v fish >/dev/null || fish -n out || fault "the fish script is not sound"
finish

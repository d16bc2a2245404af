# Sourced by the tests of the tool: `. harness.sh HONE`. Each works in a folder of its own, which goes away at the end.
set -u
hone=$(realpath "$1")
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
faults=0

fault() {
    echo "FAULT: $*"
    faults=$((faults + 1))
}

# expect CODE ARGUMENTS...: runs the tool; its output is in ./out and ./err.
expect() {
    expected=$1
    shift
    code=0
    "$hone" "$@" >out 2>err </dev/null || code=$?
    [ "$code" -eq "$expected" ] || fault "hone $*: exit $code, expected $expected: $(head -c 300 err)"
}

# says FILE TEXT, silent FILE: what the last command wrote.
says() {
    grep -qF -- "$2" "$1" || fault "hone: no \"$2\" in $1: $(head -c 300 "$1")"
}
lacks() {
    ! grep -qF -- "$2" "$1" || fault "hone: \"$2\" in $1"
}
silent() {
    [ ! -s "$1" ] || fault "hone: $1 is not empty: $(head -c 300 "$1")"
}

# json FILE EXPRESSION: a Python expression about the document d that must be true.
json() {
    python3 -c 'import json, sys
d = json.load(open(sys.argv[1]))
sys.exit(0 if eval(sys.argv[2]) else 1)' "$1" "$2" || fault "$1: not true: $2"
}

finish() {
    [ "$faults" -eq 0 ] || { echo "$faults faults"; exit 1; }
    exit 0
}

#!/bin/sh
# Checks that the tree is formatted by .clang-format. Tables (.def) are exempt. `format.sh --fix` formats it.
# Run from the repository's root. Exits 77 where clang-format 14 is not there: other versions format otherwise.
tool=
for name in clang-format-14 clang-format; do
    if "$name" --version 2>/dev/null | grep -q 'version 14\.'; then
        tool=$name
        break
    fi
done
if [ -z "$tool" ]; then
    echo "SKIP format: no clang-format 14"
    exit 77
fi
files=$(git ls-files '*.c' '*.h' 2>/dev/null)
if [ -z "$files" ]; then
    echo "SKIP format: not a git checkout"
    exit 77
fi
if [ "$1" = --fix ]; then
    exec "$tool" -i $files
fi
exec "$tool" --dry-run -Werror --ferror-limit=1 $files

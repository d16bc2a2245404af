# Sourced by demo and test: installs the Debian and Ubuntu packages that are missing.

# need_packages NAME...: names whose package the system has are left out. With no_install set, missing ones are told.
need_packages() {
    local missing=() name sudo=
    for name in "$@"; do
        dpkg-query -W -f '${Status}\n' "$name" 2>/dev/null | grep -q 'ok installed' || missing+=("$name")
    done
    if [ ${#missing[@]} -eq 0 ]; then
        return 0
    fi
    if [ -n "${no_install:-}" ]; then
        echo "not installed, as asked: ${missing[*]}"
        return 0
    fi
    [ "$(id -u)" = 0 ] || sudo=sudo
    echo "installing: ${missing[*]}"
    if [ -z "${packages_updated:-}" ]; then
        $sudo apt-get update -qq && packages_updated=yes
    fi
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

build_packages="gcc libc6-dev cmake ninja-build pkg-config libxxhash-dev libjansson-dev libjpeg-dev libpng-dev zlib1g-dev"
python_packages="python3 python3-venv"

# make_venv FOLDER REQUIREMENT...: a Python environment with these packages; nothing is done where it has them already.
make_venv() {
    local folder=$1
    shift
    if [ "$(cat "$folder/made-of" 2>/dev/null)" = "$*" ]; then
        return 0
    fi
    python3 -m venv "$folder" && "$folder/bin/pip" install --quiet --disable-pip-version-check "$@" &&
        echo "$*" >"$folder/made-of"
}
python_requirements="numpy onnx>=1.17"

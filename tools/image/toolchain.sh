#!/bin/bash
# Put the tools together: Debian 12's clang beside Debian 13's wasi-libc, wasm2c and python3.13.
# Leaves $work/toolchain-KEY/ with bin/{wasm32-cc,wasm32-c++,wasm2c,python3.13}; prints its path.
# Debian 13's programs run under their own loader and libc, unpacked beside them.
set -euo pipefail
. "$(dirname "$0")/common.sh"

key=$(digest "$here"/{toolchain.sh,common.sh} "$work/fetch/versions.txt")
dir=$work/toolchain-$key
if ! stage_ready "$dir"; then
    if [ -n "${CLOCHE_CHECK:-}" ]; then exit 3; fi
    stage_begin "$dir"
    mkdir "$dir.new/root" "$dir.new/bin"
    for deb in "$work"/fetch/deb/*.deb; do dpkg-deb -x "$deb" "$dir.new/root"; done

    # No -O at the link: the driver would look for wasm-opt. Paths never enter the output.
    for pair in wasm32-cc:clang-19 wasm32-c++:clang++-19; do
        cat >"$dir.new/bin/${pair%%:*}" <<EOF
#!/bin/sh
exec ${pair##*:} --target=wasm32-wasi --sysroot=$dir/root/usr -ffile-prefix-map=$work=/build "\$@"
EOF
    done
    for program in wasm2c python3.13; do
        cat >"$dir.new/bin/$program" <<EOF
#!/bin/sh
PYTHONHOME=$dir/root/usr
export PYTHONHOME
root=$dir/root/usr
exec "\$root/lib64/ld-linux-x86-64.so.2" --argv0 "\$root/bin/$program" \\
    --library-path "\$root/lib/x86_64-linux-gnu" "\$root/bin/$program" "\$@"
EOF
    done
    chmod +x "$dir.new"/bin/*
    stage_end "$dir"
fi
"$dir/bin/python3.13" -c 'import sys, zlib; assert sys.version_info[:2] == (3, 13)' ||
    die "Debian 13's python3.13 does not run here" "$dir/bin/python3.13 -c 'import zlib' says why"
"$dir/bin/wasm2c" --version >/dev/null ||
    die "Debian 13's wasm2c does not run here" "$dir/bin/wasm2c --version says why"
stage_clean toolchain "$dir"
ln -sfn "$dir" "$work/toolchain"
note "$(dpkg-query -W -f '${Version}' clang-19), wasm2c $("$dir/bin/wasm2c" --version)"

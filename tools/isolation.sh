#!/bin/sh
# isolation.sh [BUILD]: the wall that the tools take, on standard output: what CLOCHE_ISOLATION says; if it
# says auto, or nothing, microvm where /dev/kvm can be opened, else process. With BUILD, whose image is there,
# a micro-VM must also run a line. Only tools guess, and say what they took: the program never does.
case ${CLOCHE_ISOLATION:-auto} in
auto)
    if "$(dirname "$0")/hypervisor.sh" 2>/dev/null &&
        { [ $# -eq 0 ] || CLOCHE_ISOLATION="" "$1/cloche" run --isolation=microvm -c pass >/dev/null 2>&1 </dev/null; }; then
        echo microvm
    else
        echo process
    fi
    ;;
*) echo "$CLOCHE_ISOLATION" ;;
esac

# Is this the machine that the tests are meant for: SVM with nested paging, under kvm-amd?
. /hw/tap.sh
check "the processor offers SVM" 0 ' svm( |$)' grep -m1 '^flags' /proc/cpuinfo
check "kvm-amd is loaded" 0 '^kvm_amd ' cat /proc/modules
check "nested paging is on" 0 '^[Y1]$' cat /sys/module/kvm_amd/parameters/npt
check "/dev/kvm is there" 0 '^character special file$' stat -c %F /dev/kvm
finish

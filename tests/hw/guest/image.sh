# There was no hypervisor to make the Python image with: it is made here, for the tests that follow.
. /hw/tap.sh
cd "$BUILD" || exit 1
limit=400
check "the Python image is made" 0 'CPython 3\.' \
    sh -c './cloche image build python.elf python.image && ./cloche image inspect python.image'
finish

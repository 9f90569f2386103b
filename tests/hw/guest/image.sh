# There was no hypervisor to make the Python image with: it is made here, for the tests that follow.
. /hw/tap.sh
limit=400
check "the Python image is made" 0 'python' \
    "$BUILD/cloche" image build "$BUILD/python.elf" "$BUILD/python.image"
finish

/* descriptors.c - what a process that closes everything else must leave open. */
#include "vm/internal.h"

size_t clo_vm_descriptors(const struct clo_image *image, int descriptors[CLO_VM_DESCRIPTORS_MAX])
{
    const struct clo_kvm *kvm = clo_kvm_get(NULL);
    int pagemap = clo_scan_open();
    size_t count = 0;
    descriptors[count++] = image->fd;
    if (kvm)
        descriptors[count++] = kvm->fd;
    if (pagemap >= 0)
        descriptors[count++] = pagemap;
    return count;
}

/** Where Android has its monitors of virtual machines: crosvm, and AVF's `vm`. */
export const VIRT_PROGRAMS = '/apex/com.android.virt/bin';

/** What runs guests, the best first. */
export const HYPERVISORS = { '/dev/kvm': 'kvm', '/dev/gzvm': 'geniezone', '/dev/gunyah': 'gunyah' } as const;

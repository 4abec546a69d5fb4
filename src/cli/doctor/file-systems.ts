/** What a file system means for data that must last. */
export interface FileSystemKind {
  readonly name: string;
  readonly kind: "disk" | "network" | "shared" | "container" | "memory" | "unknown";
}

/** By statfs' type: https://man7.org/linux/man-pages/man2/statfs.2.html and the kernel's uapi/linux/magic.h. */
export function fileSystemOf(type: number): FileSystemKind {
  // The kernel's long may come with its sign.
  const magic = type >>> 0;
  return KNOWN.get(magic) ?? { name: `0x${magic.toString(16)}`, kind: "unknown" };
}

const KNOWN: ReadonlyMap<number, FileSystemKind> = new Map([
  [0xef53, { name: "ext4", kind: "disk" }],
  [0x58465342, { name: "xfs", kind: "disk" }],
  [0x9123683e, { name: "btrfs", kind: "disk" }],
  [0x2fc12fc1, { name: "zfs", kind: "disk" }],
  [0xf2f52010, { name: "f2fs", kind: "disk" }],
  [0xca451a4e, { name: "bcachefs", kind: "disk" }],
  [0x6969, { name: "nfs", kind: "network" }],
  [0x517b, { name: "smb", kind: "network" }],
  [0xff534d42, { name: "cifs", kind: "network" }],
  [0xfe534d42, { name: "smb2", kind: "network" }],
  [0x5346414f, { name: "afs", kind: "network" }],
  [0x00c36400, { name: "ceph", kind: "network" }],
  [0x0bd00bd3, { name: "lustre", kind: "network" }],
  [0x47504653, { name: "gpfs", kind: "network" }],
  [0x65735546, { name: "fuse", kind: "shared" }],
  [0x01021997, { name: "9p", kind: "shared" }],
  [0x786f4256, { name: "vboxsf", kind: "shared" }],
  [0x794c7630, { name: "overlay", kind: "container" }],
  [0x61756673, { name: "aufs", kind: "container" }],
  [0x01021994, { name: "tmpfs", kind: "memory" }],
  [0x858458f6, { name: "ramfs", kind: "memory" }],
]);

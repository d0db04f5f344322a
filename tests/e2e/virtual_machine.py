# SPDX-License-Identifier: Apache-2.0
"""A guest of Debian's cloud kernel under QEMU's emulation (no KVM is needed): boots in a few seconds.

The kernel's package is fetched with apt-get and unpacked, not installed, below $POWERCUT_VM (default: ~/.cache).
"""

import os
import pathlib
import re
import shutil
import subprocess
import tempfile

import support

# Which of them needs which differs from kernel to kernel. ext4 and the serial line are built in.
MODULES = ["virtio", "virtio_ring", "virtio_pci_modern_dev", "virtio_pci_legacy_dev", "virtio_pci", "virtio_blk"]
BUSYBOX = pathlib.Path("/bin/busybox")
ATTEMPTS = 3  # emulation of two processors hangs now and then, one only very seldom
PATIENCE_SECONDS = 120

INIT = """#!/bin/busybox sh
/bin/busybox mkdir -p /proc /disk
/bin/busybox mount -t proc proc /proc
for module in %s; do /bin/busybox insmod /modules/$module.ko 2>/dev/null; done
/bin/busybox mount -t devtmpfs dev /dev
/bin/busybox mount -t ext4 /dev/vda /disk && exec /bin/busybox switch_root /disk /sbin/init
echo 'guest: nothing to boot'
/bin/busybox poweroff -f
""" % " ".join(MODULES * len(MODULES))


def need():
    for program in ("qemu-system-x86_64", "busybox", "apt-get", "dpkg"):
        support.need_program(program)
    # ldd fails for what is not dynamic.
    if subprocess.run(["ldd", BUSYBOX], capture_output=True, check=False).returncode == 0:
        support.skip("busybox is not static (Debian: busybox-static)")


def kernel():
    """The folder that a kernel's package has been unpacked to."""
    cache = pathlib.Path(os.environ.get("POWERCUT_VM", pathlib.Path.home() / ".cache/powercut-vm"))
    cache.mkdir(parents=True, exist_ok=True)
    for folder in cache.glob("kernel-*"):
        return folder
    depends = subprocess.run(["apt-cache", "depends", "linux-image-cloud-amd64"], capture_output=True, text=True, check=True).stdout
    name = re.search(r"Depends: (linux-image-\S+)", depends).group(1)
    with tempfile.TemporaryDirectory(dir=cache) as folder:
        fetched = subprocess.run(["apt-get", "download", name], cwd=folder, capture_output=True, text=True, check=False)
        if fetched.returncode != 0:
            support.skip(f"cannot fetch {name}: {fetched.stderr}")
        package = next(pathlib.Path(folder).glob("*.deb"))
        subprocess.run(["dpkg", "-x", package, f"{folder}/kernel"], check=True)
        os.replace(f"{folder}/kernel", cache / f"kernel-{name}")
    return cache / f"kernel-{name}"


def make_initramfs(folder, target):
    """A first root that loads what the disk needs and goes on to /sbin/init there."""
    with tempfile.TemporaryDirectory() as root:
        root = pathlib.Path(root)
        for name in ("bin", "modules", "dev", "proc", "disk"):
            (root / name).mkdir()
        shutil.copy(BUSYBOX, root / "bin/busybox")
        for module in MODULES:
            shutil.copy(next(folder.glob(f"lib/modules/*/kernel/**/{module}.ko")), root / "modules")
        (root / "init").write_text(INIT)
        (root / "init").chmod(0o755)
        names = "\n".join(str(path.relative_to(root)) for path in sorted(root.rglob("*")))
        with open(target, "wb") as file:
            subprocess.run([BUSYBOX, "cpio", "-o", "-H", "newc"], cwd=root, input=names.encode(), stdout=file,
                           stderr=subprocess.DEVNULL, check=True)


def boot(disk, workspace):
    """Boots from a disk, which QEMU opens by itself; what the guest printed until it powered off."""
    folder = kernel()
    initramfs = workspace / "initramfs"
    if not initramfs.exists():
        make_initramfs(folder, initramfs)
    argv = ["qemu-system-x86_64", "-M", "q35", "-accel", "tcg", "-cpu", "max", "-m", "512", "-nodefaults", "-no-user-config",
            "-no-reboot", "-display", "none", "-serial", "stdio", "-kernel", next(folder.glob("boot/vmlinuz-*")),
            "-initrd", initramfs, "-append", "console=ttyS0 quiet panic=-1", "-drive", f"file={disk},format=raw,if=virtio"]
    for attempt in range(ATTEMPTS):
        try:
            done = subprocess.run(list(map(str, argv)), capture_output=True, text=True, errors="replace",
                                  stdin=subprocess.DEVNULL, timeout=PATIENCE_SECONDS, check=False)
        except subprocess.TimeoutExpired:
            if attempt + 1 == ATTEMPTS:
                raise
            continue
        if done.returncode != 0:
            raise AssertionError(f"QEMU ended with {done.returncode}: {done.stderr}")
        return done.stdout
    raise AssertionError("unreachable")

"""The init of a user-mode Linux: mounts each image in each way, and reports what the kernel sees.

Runs as process 1 of the guest, on the host's files. Reads `job.json` beside itself, writes `report.json` there:
one list of entries per image and view, or the error of a mount.
"""

import ctypes
import fcntl
import glob
import hashlib
import json
import os
import stat
import sys

LIBC = ctypes.CDLL(None, use_errno=True)
FINIT_MODULE, MS_RDONLY, POWER_OFF = 313, 1, 0x4321FEDC
LOOP_GET_FREE, LOOP_SET_FD, LOOP_CLEAR = 0x4C82, 0x4C00, 0x4C01
MODULES = ["loop", "nls_utf8", "cdrom", "crc-itu-t", "isofs", "udf"]
VIEWS = {
    "rock": ("iso9660", ""),
    "joliet": ("iso9660", "norock,utf8"),
    "plain": ("iso9660", "norock,nojoliet,map=off"),
    "udf": ("udf", "utf8"),
}
HERE = os.path.dirname(os.path.abspath(__file__))
WHOLE = 1 << 26  # larger files are compared at windows only


def load(name):
    release = os.uname().release
    for path in glob.glob(f"/usr/lib/uml/modules/{release}/**/{name}.ko", recursive=True):
        with open(path, "rb") as module:
            LIBC.syscall(FINIT_MODULE, module.fileno(), b"", 0)


def mount(device, folder, kind, flags, options):
    if LIBC.mount(device.encode(), folder.encode(), kind.encode(), flags, options.encode()) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def digest(path, size, windows):
    result = hashlib.sha256()
    with open(path, "rb") as file:
        if size <= WHOLE:
            result.update(file.read())
        else:
            for at in windows:
                file.seek(at)
                result.update(file.read(4096))
    return result.hexdigest()


def look(folder, path, windows):
    full = os.path.join(folder, path)
    status = os.lstat(full)
    entry = {"path": os.fsdecode(path), "mtime": int(status.st_mtime * 1000)}
    if stat.S_ISLNK(status.st_mode):
        return entry | {"kind": "symlink", "target": os.fsdecode(os.readlink(full))}
    if stat.S_ISDIR(status.st_mode):
        return entry | {"kind": "dir", "mode": status.st_mode & 0o777, "links": status.st_nlink}
    return entry | {"kind": "file", "size": status.st_size, "sha256": digest(full, status.st_size, windows)}


def walk(folder, one):
    """All below a folder; or, since a kernel looks a name up by reading the whole folder, a choice of paths."""
    windows = one["windows"]
    if "only" in one:
        return [look(folder, os.fsencode(path), windows) for path in one["only"]]
    found = []
    for where, dirs, files in os.walk(folder):
        for name in dirs + files:
            found.append(look(folder, os.path.relpath(os.path.join(where, name), folder), windows))
    return found


def view(device, kind, options, one):
    folder = os.path.join(HERE, "mnt")
    try:
        mount(device, folder, kind, MS_RDONLY, options)
    except OSError as error:
        return {"error": str(error)}
    try:
        names = {path: os.listdir(os.path.join(folder, path)) for path in one.get("list", [])}
        return {"entries": walk(folder.encode(), one), "names": names}
    except OSError as error:
        return {"error": str(error)}
    finally:
        LIBC.umount(folder.encode())


def image(one):
    with open("/dev/loop-control") as control:
        device = f"/dev/loop{fcntl.ioctl(control, LOOP_GET_FREE)}"
    with open(device) as loop, open(one["path"]) as backing:
        fcntl.ioctl(loop, LOOP_SET_FD, backing.fileno())
        report = {name: view(device, *VIEWS[name], one) for name in one["views"]}
        fcntl.ioctl(loop, LOOP_CLEAR, 0)
    return report


def main():
    os.makedirs(os.path.join(HERE, "mnt"), exist_ok=True)
    mount("proc", "/proc", "proc", 0, "")
    if not os.path.exists("/dev/loop-control") and not os.path.ismount("/dev"):
        mount("dev", "/dev", "devtmpfs", 0, "")
    for name in MODULES:
        load(name)
    with open(os.path.join(HERE, "job.json")) as file:
        job = json.load(file)
    report = [image(one) for one in job]
    with open(os.path.join(HERE, "report.json"), "w") as file:
        json.dump(report, file)


try:
    main()
except BaseException as error:  # the host waits for a report, whatever it says
    with open(os.path.join(HERE, "failure.txt"), "w") as file:
        file.write(repr(error))
finally:
    os.sync()
    LIBC.reboot(POWER_OFF)
    sys.exit(0)

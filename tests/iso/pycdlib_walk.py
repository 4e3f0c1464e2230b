"""Prints what pycdlib finds in an image by one kind of path: one JSON object per line."""

import hashlib
import io
import json
import sys

import pycdlib
from pycdlib import inode

VIEWS = {"rock": "rr_path", "joliet": "joliet_path", "plain": "iso_path"}


def kind_of(iso, view, path):
    record = iso.get_record(**{VIEWS[view]: path})
    if view == "rock" and record.rock_ridge.is_symlink():
        return {"kind": "symlink", "target": record.rock_ridge.symlink_path().decode()}
    if record.is_dir():
        return {"kind": "dir"}
    if view == "plain" and record.rock_ridge is not None and record.rock_ridge.is_symlink():
        return {"kind": "file", "size": 0, "sha256": hashlib.sha256().hexdigest()}
    data = io.BytesIO()
    iso.get_file_from_iso_fp(data, **{VIEWS[view]: path})
    return {"kind": "file", "size": data.tell(), "sha256": hashlib.sha256(data.getvalue()).hexdigest()}


def shown(view, path):
    """Without the version and the dot of an empty extension, as systems show plain names."""
    return path.removesuffix(";1").removesuffix(".") if view == "plain" else path


def data_of(node):
    with inode.InodeOpenData(node, 2048) as (file, length):
        return file.read(length)


def walk_udf(folder, where):
    """By its own objects: pycdlib's paths mix up folders of 8-bit and of 16-bit names."""
    for identifier in folder.fi_descs:
        if identifier.is_parent():
            continue
        path = where + identifier.fi.decode(identifier.encoding)
        entry = identifier.file_entry
        if identifier.is_dir():
            yield {"kind": "dir", "path": path}
            yield from walk_udf(entry, path + "/")
        else:
            data = data_of(entry.inode) if entry.inode is not None else b""
            yield {"kind": "file", "path": path, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def main(path, views):
    iso = pycdlib.PyCdlib()
    iso.open(path)
    for view in views:
        if view == "udf":
            for found in walk_udf(iso.udf_root, ""):
                print(json.dumps(found | {"view": view}))
            continue
        for where, dirs, files in iso.walk(**{VIEWS[view]: "/"}):
            for name in dirs + files:
                full = where.rstrip("/") + "/" + name
                print(json.dumps(kind_of(iso, view, full) | {"view": view, "path": shown(view, full[1:])}))
    iso.close()


main(sys.argv[1], sys.argv[2:])

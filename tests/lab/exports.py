"""Reads exported folders as the manual describes them, without wsvirt's own code."""
import dataclasses
import hashlib
import os
import pathlib
import xml.etree.ElementTree as ET

BLOCK = 64 * 1024


def content_digest(path):
    """SHA-256 of "SIZE:", then of each block of 64 KiB that is not all zero after its "OFFSET:", numbers in decimal."""
    digest = hashlib.sha256(f"{os.path.getsize(path)}:".encode())
    with open(path, "rb") as file:
        offset = 0
        while block := file.read(BLOCK):
            if block.count(0) != len(block):
                digest.update(f"{offset}:".encode() + block)
            offset += len(block)
    return digest.hexdigest()


@dataclasses.dataclass
class Definition:
    file: pathlib.Path
    root: ET.Element

    @property
    def disks(self):
        return self.root.findall("System/Disk")

    @property
    def saved(self):
        return self.root.findall("System/SavedState")

    @property
    def snapshots(self):
        return self.root.findall("System/Snapshot")


def describe(folder):
    (file,) = (pathlib.Path(folder) / "Virtual Machines").glob("*.xml")
    return Definition(file, ET.parse(file).getroot())

"""Prints what Apache's Avro library for Python reads of an archive's files, one thing a line, all bits in hexadecimal."""
import base64
import json
import struct
import sys

from avro.datafile import DataFileReader
from avro.io import DatumReader


def true_bytes(record, field):
    """A string as it is: raw has those that are not UTF-8."""
    raw = json.loads(record["raw"]) if record.get("raw") else {}
    return base64.b64decode(raw[field]) if field in raw else record[field].encode()


def bits(value):
    return struct.pack(">d", value).hex()


def samples(record):
    names = ("cluster", "node", "type", "type_id", "stype", "stype_id", "metric", "unit")
    path = " ".join(true_bytes(record, name).hex() or "-" for name in names)
    for i, value in enumerate(record["values"]):
        if value == value:
            yield f"{path} {record['step']} {record['start'] + i * record['step']} {bits(value)}"


def transfers(record):
    yield f"{true_bytes(record, 'id').hex()} {true_bytes(record, 'path').hex()} {record['bytes_read']} {record['closed_to']}"


def claims(record):
    yield f"{true_bytes(record, 'id').hex()} {bits(record['opened'])} {record['asked_read']}"


def packets(record):
    yield f"{record['at_ns']} {record['remote'].hex()} {record['data'].hex()} {record['arrival_ns']}"


for path in sys.argv[1:]:
    kind = path.rsplit("/", 1)[1].split("-")[0].split(".")[0]
    with DataFileReader(open(path, "rb"), DatumReader()) as records:
        for record in records:
            for line in globals()[kind](record):
                print(kind, line)

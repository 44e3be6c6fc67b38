"""`aialgs.data.Record` as protobuf reads and writes it: the oracle of our own codec, and its peer in speed."""

from __future__ import annotations

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory


def record_class() -> Any:
    """The class of `aialgs.data.Record`, built from its published definition."""
    file = descriptor_pb2.FileDescriptorProto(name="aialgs.proto", package="aialgs.data", syntax="proto2")
    kinds = descriptor_pb2.FieldDescriptorProto

    def field(message: Any, name: str, number: int, kind: int, label: int = kinds.LABEL_OPTIONAL, **more: Any) -> Any:
        added = message.field.add(name=name, number=number, type=kind, label=label, **more)
        return added

    for name, kind in (("Float32Tensor", kinds.TYPE_FLOAT), ("Float64Tensor", kinds.TYPE_DOUBLE), ("Int32Tensor", 5)):
        tensor = file.message_type.add(name=name)
        for part, number, of in (("values", 1, kind), ("keys", 2, kinds.TYPE_UINT64), ("shape", 3, kinds.TYPE_UINT64)):
            field(tensor, part, number, of, kinds.LABEL_REPEATED).options.packed = True
    value = file.message_type.add(name="Value")
    value.oneof_decl.add(name="value")
    for part, number, of in (
        ("float32_tensor", 2, "Float32Tensor"),
        ("float64_tensor", 3, "Float64Tensor"),
        ("int32_tensor", 7, "Int32Tensor"),
    ):
        field(value, part, number, kinds.TYPE_MESSAGE, type_name=f".aialgs.data.{of}", oneof_index=0)
    record = file.message_type.add(name="Record")
    for part, number in (("features", 1), ("label", 2)):
        entry = record.nested_type.add(name=f"{part.capitalize()}Entry")
        entry.options.map_entry = True
        field(entry, "key", 1, kinds.TYPE_STRING)
        field(entry, "value", 2, kinds.TYPE_MESSAGE, type_name=".aialgs.data.Value")
        type_name = f".aialgs.data.Record.{entry.name}"
        field(record, part, number, kinds.TYPE_MESSAGE, kinds.LABEL_REPEATED, type_name=type_name)
    field(record, "uid", 3, kinds.TYPE_STRING)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("aialgs.data.Record"))


Record: Any = record_class()

# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What an ExportTraceServiceRequest may have in it, in JSON: opentelemetry/proto/trace/v1/trace.proto of OTLP 1.5 by the rules of
https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding (lowerCamelCase names, ids in hex, enums as integers, 64 bits as strings).

    errors(document) -> a list of what is wrong, each with its place
"""
import re

DECIMAL = re.compile(r"-?(0|[1-9][0-9]*)$")


def _is(what, test):
    return lambda value: None if test(value) else f"is {value!r}, not {what}"


def _hex(digits):
    return _is(f"{digits} hex digits, not all 0", lambda value: isinstance(value, str) and re.fullmatch(f"[0-9a-f]{{{digits}}}", value)
               and value.strip("0"))


def _int(bits, signed=False):
    least, most = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)
    if bits == 64:
        return _is("an integer of 64 bits in a string",
                   lambda value: isinstance(value, str) and DECIMAL.match(value) and least <= int(value) <= most)
    return _is(f"an integer of {bits} bits", lambda value: type(value) is int and least <= value <= most)


TEXT = _is("a string", lambda value: isinstance(value, str))
NUMBER = _is("a number", lambda value: type(value) in (int, float))
BOOL = _is("a boolean", lambda value: isinstance(value, bool))
NAME = _is("a string that is not empty", lambda value: isinstance(value, str) and value)
ANY_VALUE = {"stringValue": TEXT, "boolValue": BOOL, "intValue": _int(64, signed=True), "doubleValue": NUMBER}
ATTRIBUTES = [{"key": NAME, "value": ANY_VALUE}]
SPAN = {
    "traceId": _hex(32), "spanId": _hex(16), "parentSpanId": _hex(16), "traceState": TEXT, "flags": _int(32), "name": NAME,
    "kind": _is("a kind of span", lambda value: type(value) is int and 0 <= value <= 5),
    "startTimeUnixNano": _int(64), "endTimeUnixNano": _int(64), "attributes": ATTRIBUTES, "droppedAttributesCount": _int(32),
    "status": {"message": TEXT, "code": _is("a status", lambda value: type(value) is int and 0 <= value <= 2)},
}
SCOPE_SPANS = {"scope": {"name": TEXT, "version": TEXT, "attributes": ATTRIBUTES}, "schemaUrl": TEXT, "spans": [SPAN]}
REQUEST = {"resourceSpans": [{"resource": {"attributes": ATTRIBUTES}, "schemaUrl": TEXT, "scopeSpans": [SCOPE_SPANS]}]}
NEEDED = ("traceId", "spanId", "name", "startTimeUnixNano", "endTimeUnixNano")


def _walk(value, schema, place):
    if callable(schema):
        error = schema(value)
        return [f"{place} {error}"] if error else []
    if isinstance(schema, list):
        if not isinstance(value, list):
            return [f"{place} is no array"]
        return [error for i, one in enumerate(value) for error in _walk(one, schema[0], f"{place}[{i}]")]
    if not isinstance(value, dict):
        return [f"{place} is no object"]
    found = [f"{place}.{key} is nothing that OTLP knows" for key in value if key not in schema]
    if schema is ANY_VALUE and len(value) != 1:
        found.append(f"{place} has {len(value)} values")
    if schema is SPAN:
        found += [f"{place} has no {key}" for key in NEEDED if key not in value]
    for key in value:
        if key in schema:
            found += _walk(value[key], schema[key], f"{place}.{key}")
    if schema is ATTRIBUTES[0] and set(value) != {"key", "value"}:
        found.append(f"{place} has {sorted(value)}")
    return found


def errors(document):
    found = _walk(document, REQUEST, "request")
    if found:
        return found
    for resource in document["resourceSpans"]:
        for scope in resource["scopeSpans"]:
            for span in scope["spans"]:
                keys = [attribute["key"] for attribute in span["attributes"]]
                if len(set(keys)) != len(keys):
                    found.append(f"{span['name']}: an attribute twice: {sorted(keys)}")
                if int(span["startTimeUnixNano"]) > int(span["endTimeUnixNano"]):
                    found.append(f"{span['name']} ends before it starts")
    return found

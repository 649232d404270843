"""What the services say to each other: data only.

Every message is a frozen :class:`msgspec.Struct`. Changes are additive: a new field has a default, so that an
old reader skips it and a new reader fills it in. A breaking change is a new type with a new tag.
"""

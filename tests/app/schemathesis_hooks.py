"""How schemathesis sends what it does not know by itself; it loads this module by name."""

import schemathesis

schemathesis.serializer.alias("application/offset+octet-stream", "application/octet-stream")

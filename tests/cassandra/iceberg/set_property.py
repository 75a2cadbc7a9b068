"""Sets a property of an Iceberg table with pyiceberg.

usage: set_property.py FOLDER NAMESPACE.TABLE NAME VALUE
"""

import sys

from pyiceberg.catalog.sql import SqlCatalog

folder, name, key, value = sys.argv[1:5]
catalog = SqlCatalog("iceberg", uri=f"sqlite:///{folder}/catalog.db", warehouse=f"file://{folder}/warehouse")
with catalog.load_table(name).transaction() as transaction:
    transaction.set_properties({key: value})

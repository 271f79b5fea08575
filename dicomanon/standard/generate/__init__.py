"""Write the tables of `dicomanon.standard` from their sources; only needed when an edition changes.

::

    python -m dicomanon.standard.generate --docbook part15.xml --out data
        [--dictionary dictionary.json [--highdicom DIR]] [--edition 2026d]

Sources: PS3.15 as DocBook (NEMA), the data dictionary of PS3.6 as JSON, and the attribute Types of PS3.3 that
highdicom ships (its folder `_standard`; MIT License).
"""

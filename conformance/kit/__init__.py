"""A black box that tests any de-identifier against PS3.15 Annex E; it shares no code with the engine beside it."""

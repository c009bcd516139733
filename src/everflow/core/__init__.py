"""The pure core: flows, the machine, the journal and the codec. No IO, no clock, no chance."""

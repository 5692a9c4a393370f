"""A pure NumPy reference implementation of neural-network pruning.

Read the modules in the order of their floors; imports point down only:
`errors`; `arrays` `ops` `data` `schedules`; `network` `criteria` `granularity` `selection`;
`architectures` `initialisation` `backprop` `coupling`; `evidence` `training` `surgery`; `pruning` `measure`.
`lab` is what people do with the reference (the command line); nothing here imports it.
The guided tour is docs/tour.md, the specification docs/spec/.
"""

__version__ = "0.1.0"

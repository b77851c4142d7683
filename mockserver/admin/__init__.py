"""What can be done to a sandbox, one module for each capability.

A capability is a class over a sandbox. Tests hold it as `mock.faults`, the control plane as `/__mock__/faults`; both
take what its schema takes. It keeps no state of its own: that is records of the sandbox's store.
"""

"""Networks into and out of checkpoints: finding and loading files, and the layouts of other software.

Nothing here imports PyTorch, scipy or safetensors before a file needs it.
"""

from rnnkit.interop.exporting import export_network
from rnnkit.interop.importing import import_network, pair_initial
from rnnkit.interop.loading import CheckpointFile, Loaded, find_all, find_checkpoints, load, load_all, network_names
from rnnkit.interop.reading import read_tensors
from rnnkit.interop.torch_layout import from_state_dict, to_state_dict

__all__ = [
    "CheckpointFile",
    "Loaded",
    "export_network",
    "find_all",
    "find_checkpoints",
    "from_state_dict",
    "import_network",
    "load",
    "load_all",
    "network_names",
    "pair_initial",
    "read_tensors",
    "to_state_dict",
]

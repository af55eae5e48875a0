"""Networks and weights: `rdr` (the o_O nets), `imagenet` (torchvision), `checkpoint` (safetensors), `inference`."""

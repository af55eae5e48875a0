"""The pictures of one explanation: mask, complementary mask, explained image and evidence, in the network's frame."""

import numpy as np
import torch
from torch import Tensor

from retina_xai import drawing
from retina_xai.evaluation.plots import DOTS, Tile, rendered
from retina_xai.explainers.explainer import Explanation
from retina_xai.models.network import Network
from retina_xai.models.scores import score_spec
from retina_xai.plotting import plot
from retina_xai.records import EVIDENCE_SCALE


def pictures_of(network: Network, image: Tensor, result: Explanation) -> dict[str, np.ndarray]:
    """Pictures by the ending of their file name, for the explanation of one image (1, C, H, W).

    "evidence" is uint16 (H, W) with 65535 = 1.0, the others are uint8 (H, W, 3): "heatmap" and the labelled "panel";
    with a mask also "mask", "complement" (1 - mask) and "explanation" (what the mask leaves of the image).
    """
    evidence = result.evidence[0].cpu().numpy()
    found = {
        "evidence": np.rint(evidence * EVIDENCE_SCALE).astype(np.uint16),
        "heatmap": drawing.heatmap(evidence),
        "panel": rendered(plot(result, images=image, network=network, dpi=DOTS)),
    }
    if result.mask is not None and result.explained is not None:
        found |= {
            "mask": mask_pixels(result.mask[0]),
            "complement": mask_pixels(1 - result.mask[0]),
            "explanation": network.preprocessing.to_pixels(result.explained[0]),
        }
    return found


def tiles_of(network: Network, image: Tensor, result: Explanation) -> dict[str, Tile]:
    """The same side by side, each with a label of two lines: "photograph", "evidence", and with a mask "mask",
    "complement" and "explanation", without one "overlay".
    """
    pixels, evidence = network.preprocessing.to_pixels(image[0]), result.evidence[0].cpu().numpy()
    symbol = score_spec(result.score).symbol
    label = f"{network.classes[int(result.target)]}\n{symbol} {float(result.score_before):.3f}"
    tiles = {"photograph": Tile(pixels, label)}
    if result.mask is not None and result.explained is not None:
        goal = "reached" if bool(result.converged) else "not reached"
        mask, complement = mask_pixels(result.mask[0]), mask_pixels(1 - result.mask[0])
        explained = network.preprocessing.to_pixels(result.explained[0])
        tiles |= {
            "mask": Tile(mask, f"mask\nmean {float(result.mask.mean()):.3f}"),
            "complement": Tile(complement, f"complementary mask\nlambda {float(result.lam):.1e}"),
            "explanation": Tile(explained, f"explanation, goal {goal}\n{symbol} {float(result.score_after):.3f}"),
        }
    tiles["evidence"] = Tile(drawing.heatmap(evidence), f"evidence\nmean {float(evidence.mean()):.3f}")
    if result.mask is None:
        tiles["overlay"] = Tile(drawing.overlay(pixels, evidence), "over the photograph")
    return tiles


def mask_pixels(mask: Tensor) -> np.ndarray:
    """A mask (3, H, W) in [0, 1] as colours (H, W, 3) uint8."""
    return np.asarray((mask.detach().cpu() * 255).round().to(torch.uint8).permute(1, 2, 0).numpy())

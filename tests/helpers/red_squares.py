"""Photographs of a red rectangle on grey noise, with its box, and a network that sees nothing but red."""

import numpy as np
import torch
from helpers.tiny_network import RULES, tiny_network
from torch import nn

from retina_xai.evaluation.objects.boxes import Box
from retina_xai.io.images import write_png
from retina_xai.models.imagenet import MEAN, STD


def red_model():
    """Classes "nothing" and "square": the score of the second is the mean redness."""
    colours, head = nn.Conv2d(3, 1, 1), nn.Linear(1, 2)
    model = nn.Sequential(colours, nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), head).eval()
    weight = torch.tensor([1.0, -0.5, -0.5])
    with torch.no_grad():
        colours.weight[0, :, 0, 0] = weight * torch.tensor(STD)
        colours.bias[0] = float((weight * torch.tensor(MEAN)).sum()) - 0.3
        head.weight[:, 0], head.bias[:] = torch.tensor([0.0, 90.0]), torch.tensor([0.0, -3.0])
    model.preprocessing, model.classes = RULES, ["nothing", "square"]
    return model


def red_network():
    """The same as a `Network`."""
    return tiny_network(red_model(), ("nothing", "square"), "red")


def draw_squares(folder, boxes):
    """One photograph of 96 x 80 pixels (H x W) per box, in order of their names a, b, ..."""
    rng = np.random.default_rng(0)
    for name, box in zip("abcdefgh", boxes, strict=False):
        pixels = np.repeat(rng.integers(90, 160, (96, 80, 1)), 3, axis=2).astype(np.uint8)
        pixels[int(box.top) : int(box.bottom), int(box.left) : int(box.right)] = (220, 20, 30)
        write_png(folder / f"{name}.png", pixels)
    return tuple(sorted(folder.glob("*.png")))


BOXES = (Box(20, 30, 60, 70, "square"), Box(10, 20, 50, 50, "square"), Box(35, 40, 70, 80, "square"))


def write_csv_boxes(path, boxes=BOXES):
    """The boxes of a, b, ... as CSV."""
    rows = [
        f"{name}.png,{box.left},{box.top},{box.right},{box.bottom},{box.label}"
        for name, box in zip("abcdefgh", boxes, strict=False)
    ]
    path.write_text("\n".join(["image,xmin,ymin,xmax,ymax,label", *rows]) + "\n")
    return path


def write_voc_boxes(folder, boxes=BOXES):
    """The same as Pascal VOC XML."""
    folder.mkdir()
    for name, box in zip("abcdefgh", boxes, strict=False):
        corners = {"xmin": box.left + 1, "ymin": box.top + 1, "xmax": box.right, "ymax": box.bottom}
        inner = "".join(f"<{key}>{int(value)}</{key}>" for key, value in corners.items())
        item = f"<object><name>{box.label}</name><bndbox>{inner}</bndbox></object>"
        (folder / f"{name}.xml").write_text(f"<annotation><filename>{name}.png</filename>{item}</annotation>")
    return folder

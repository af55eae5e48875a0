"""Sheets, curves and bars as pictures: everything lies where it belongs."""

import numpy as np
import pytest

from retina_xai.evaluation.plots import Tile, TradeOffCurve, bars, curves, ratios, sheet, trade_offs


def flat(colour):
    return Tile(np.full((20, 20, 3), colour, np.uint8), "a label\nof two lines")


def middle(pixels, colour):
    """Mean row and column, as shares of the sides, of the pixels of exactly that colour."""
    rows, columns = np.nonzero((pixels == np.array(colour)).all(axis=-1))
    return rows.mean() / pixels.shape[0], columns.mean() / pixels.shape[1]


def test_tiles_lie_in_their_rows_and_columns():
    red, green, blue = (250, 10, 10), (10, 250, 10), (10, 10, 250)
    pixels = sheet([[flat(red), flat(green)], [flat(blue)]])
    assert pixels.dtype == np.uint8
    assert pixels.shape[2] == 3
    places = {colour: middle(pixels, colour) for colour in (red, green, blue)}
    assert places[red][0] < 0.5 < places[blue][0]
    assert places[red][1] < 0.5 < places[green][1]
    assert abs(places[red][0] - places[green][0]) < 0.01
    assert abs(places[red][1] - places[blue][1]) < 0.01


def test_heads_and_a_title_make_room_for_themselves():
    plain = sheet([[flat((250, 10, 10))]])
    headed = sheet([[flat((250, 10, 10))]], ["the head"], "the title")
    assert headed.shape[1] > plain.shape[1]
    assert headed.shape[0] > plain.shape[0]
    assert middle(headed, (250, 10, 10))[1] > 0.5


def test_names_are_shown_as_they_are_and_not_as_formulas():
    assert not np.array_equal(sheet([[Tile(np.zeros((9, 9)), "$\\frac$ x")]]), sheet([[Tile(np.zeros((9, 9)), "x")]]))
    assert sheet([[flat((9, 9, 9))]], ["cost $\\frac$"], "$^$ $\\frac$").ndim == 3


def test_a_rising_curve_rises_and_longer_bars_are_longer():
    xs = np.linspace(0, 1, 50)
    pixels = curves({"up": (xs, xs)}, ("x", "y"), "title")
    blue = np.array([31, 119, 180])
    rows, columns = np.nonzero((pixels == blue).all(axis=-1))
    left, right = rows[columns < np.median(columns)].mean(), rows[columns > np.median(columns)].mean()
    assert left > right
    drawn = bars({"long": [9.0], "short": [1.0]}, ["series"], "length", "title")
    rows, columns = np.nonzero((drawn == blue).all(axis=-1))
    below = drawn.shape[0] / 2
    legend = drawn.shape[1] * 0.75
    first, second = (columns[(rows < below) & (columns < legend)], columns[(rows >= below) & (columns < legend)])
    assert np.ptp(first) > 2 * np.ptp(second)


def test_ratios_lie_where_their_logarithms_say():
    drawn = ratios([0.0, 0.5, 1.0], [10.0, 1.0, 0.1], ("x", "y"), "title")
    rows, columns = np.nonzero((drawn == np.array([31, 119, 180])).all(axis=-1))
    thirds = np.digitize(columns, np.quantile(columns, [0.33, 0.67]))
    heights = [rows[thirds == third].mean() for third in range(3)]
    assert heights[0] < heights[1] < heights[2]
    assert heights[1] - heights[0] == pytest.approx(heights[2] - heights[1], rel=0.05)


def test_curves_of_a_trade_off_lie_at_their_rates_and_end_with_a_marker():
    rates = np.linspace(0, 1, 21)
    low, high = TradeOffCurve("low", rates, rates / 2), TradeOffCurve("high", rates, rates / 2 + 0.5)
    drawn = trade_offs({"one": [high], "two": [low]}, "x", "y")
    assert drawn.shape[1] > 2 * drawn.shape[0]
    faded = np.array([75, 146, 195])  # the first colour at an opacity of 0.8 on white
    rows, columns = np.nonzero((np.abs(drawn.astype(int) - faded) < 3).all(axis=-1))
    above_legend = rows < drawn.shape[0] * 0.8
    left = above_legend & (columns < drawn.shape[1] * 0.27)
    right = above_legend & ~left & (columns < drawn.shape[1] * 0.55)
    assert rows[left].mean() < rows[right].mean(), "the rates of the first panel are higher"
    widest = np.bincount(columns[left]).argmax()
    assert widest > np.quantile(columns[left], 0.9), "the marker is at the end"
    assert trade_offs({str(number): [low] for number in range(5)}, "x", "y").shape[0] > 1.5 * drawn.shape[0]

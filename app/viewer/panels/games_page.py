"""The page of ImageNet games, for researchers: any photograph and network, the defence on and off side by game."""

from collections.abc import Sequence

import streamlit as st

from retina_xai.app.viewer.components.score_curve.score_curve import show_curves
from retina_xai.app.viewer.encoding import png
from retina_xai.app.viewer.game_comparison import DEFENCES, LAMBDA_SEARCH, GameComparison, PlayedGame, play_games
from retina_xai.app.viewer.items import Item
from retina_xai.app.viewer.jobs import URGENT, Job
from retina_xai.app.viewer.panels.header_panel import reader_input
from retina_xai.app.viewer.panels.progress_panel import POLL, show_progress
from retina_xai.app.viewer.panels.text import plain
from retina_xai.app.viewer.server import MAX_UPLOAD_SIZE
from retina_xai.app.viewer.services import Services, services
from retina_xai.app.viewer.session import Session, line_of, session
from retina_xai.errors import InputError
from retina_xai.games import GAMES
from retina_xai.models.network import Network

HOW = (
    "No network was named. Start the viewer with one, for example: "
    "retina-xai view --imagenet-model resnet50 --imagenet-weights resnet50.safetensors"
)
LISTED = 5
MOST_LIKELY = "the most likely class"
LAMBDAS_OFFERED = (LAMBDA_SEARCH, "1e-4", "1e-5", "1e-6", "1e-7", "1e-8", "1e-9", "1e-10", "0")


def page() -> None:
    """The page."""
    state, served = session(), services()
    with st.container(horizontal=True, vertical_alignment="center"):
        name = f" – {plain(served.network.name)}" if served.network else ""
        st.markdown(f"**ImageNet games**{name}", width="stretch")
        reader_input(state)
    if served.network is None:
        st.info(plain(HOW))
        return
    left, right = st.columns([5, 14], gap="medium")
    with left:
        item = _choose_photograph(state, served)
        if item is None:
            return
        comparison = _choose_comparison(served.network)
        _start(state, item, comparison, served)
    with right:
        _show_right(state, item, served.network)


def _choose_photograph(state: Session, served: Services) -> Item | None:
    """A photograph of the worklist, or an upload of this session."""
    file = st.file_uploader("Photograph", key="games-upload", max_upload_size=MAX_UPLOAD_SIZE)
    if file is not None and file.file_id not in state.taken:
        state.taken.add(file.file_id)
        first, *_ = state.upload(file.name, file.getvalue())
        st.session_state["games-photograph"] = first.key
    items = state.items(served)
    if not items:
        st.caption("Upload a photograph.")
        return None
    key = st.selectbox(
        "From the worklist", list(items), format_func=lambda key: items[key].name, key="games-photograph"
    )
    return items[key]


def _choose_comparison(network: Network) -> GameComparison:
    game = st.selectbox("Game", list(GAMES), list(GAMES).index("deletion"), key="games-game")
    wanted = st.selectbox(
        "Class of interest",
        [None, *range(len(network.classes))],
        format_func=lambda index: MOST_LIKELY if index is None else f"{network.classes[index]} ({index})",
        key="games-class",
    )
    lam = st.selectbox("Lambda", LAMBDAS_OFFERED, LAMBDAS_OFFERED.index("1e-8"), key="games-lambda")
    steps, rate = st.columns(2)
    iterations = steps.number_input("Iterations", 1, 500, 100, key="games-iterations")
    lr = rate.number_input("Learning rate", 0.01, 1.0, 0.1, key="games-lr")
    defence = st.selectbox("Defence", list(DEFENCES), list(DEFENCES).index("both"), key="games-defence")
    value = None if lam == LAMBDA_SEARCH else float(lam)
    return GameComparison(game, value, float(lr), int(iterations), wanted, DEFENCES[defence])


def _start(state: Session, item: Item, comparison: GameComparison, served: Services) -> None:
    running = state.games is not None and state.games.wanted
    st.button(
        "Play",
        key="play",
        shortcut="g",
        type="primary",
        disabled=running,
        width="stretch",
        on_click=_play,
        args=(state, item, comparison, served),
    )


def _play(state: Session, item: Item, comparison: GameComparison, served: Services) -> None:
    network = served.network
    if network is None:
        return

    def work(job: Job) -> tuple[Item, list[tuple[int, float]], list[PlayedGame]]:
        image = network.input_of(item.read())
        return item, network.most_likely(image, LISTED), play_games(image, network, comparison, job)

    state.comparison, state.games = comparison, served.worker.submit(work, URGENT)


def _show_right(state: Session, item: Item, network: Network) -> None:
    if state.games is None:
        try:
            shown = network.preprocessing.to_pixels(network.input_of(state.pictures.photograph(item))[0])
            what = "What the network sees"
            st.image(png(shown), caption=what, width=360, output_format="PNG", alt=what)
        except InputError as error:
            st.error(plain(line_of(error, item)))
        return
    if state.games.wanted:
        st.fragment(_watch, run_every=POLL)(state, state.games)
        return
    if state.games.cancelled.is_set():
        st.info("Cancelled; nothing was kept.")
    elif state.games.state == "failed":
        st.error(plain(line_of(state.games.error, item)))
    else:
        shown, top, games = state.games.result
        _show_games(shown, top, games, network)


def _watch(state: Session, job: Job) -> None:
    if not job.wanted:
        st.rerun()
    show_progress(job, state.comparison.plan(), "games")


def _show_games(item: Item, top: Sequence[tuple[int, float]], games: Sequence[PlayedGame], network: Network) -> None:
    line = ", ".join(f"{network.classes[index]} {score:.2f}" for index, score in top)
    st.markdown(f"**{plain(item.name)}**  \n{plain(f'Most likely: {line}')}")
    for game in games:
        st.markdown(f"**{'With the defence' if game.defended else 'Without the defence'}**")
        for column, tile in zip(st.columns(len(game.tiles)), game.tiles, strict=True):
            column.image(
                png(tile.pixels),
                caption=plain(tile.label.replace("\n", ", ")),
                width="stretch",
                output_format="PNG",
                alt=tile.label,
            )
    _show_curves(games)


def _show_curves(games: Sequence[PlayedGame]) -> None:
    """Score of the class at every step; with a line search, of the last lambda."""
    curves = {}
    for game in games:
        last = max((number for number, _, _ in game.curve), default=0)
        name = "with the defence" if game.defended else "without the defence"
        curves[name] = [(step, score) for number, step, score in game.curve if number == last]
    show_curves(curves, max((step for curve in curves.values() for step, _ in curve), default=1), "games-result")

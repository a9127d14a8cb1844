"""The table of figures: what each shows, what the paper found, which curves it has, what it reads.

Which methods a figure draws, and what it calls them, is in the methods' entries (off2on/methods.py).
"""

from dataclasses import replace

from off2on.errors import find
from off2on.figures.spec import AUROC, OFFLINE_SHARE, SHARES, SUCCESS, Curves, FigureSpec

#: which dataset a panel of the main text shows, where several have all curves
PREFERRED = ("medium", "medium-replay", "medium-expert", "random")

# The analyses of Figure 4; Figures 9 to 12 show them for all tasks.
BUFFER = Curves(
    "runs of Ours",
    each="dataset",
    quantity=OFFLINE_SHARE,
    least=1,
    statistics=("last", "first"),
    main="medium-expert",
    against=("random",),
)
ENSEMBLE = Curves("runs of Ours with AUROC", each="q-function", quantity=AUROC, statistics=("mean", "last"))
SAMPLING = Curves("dataset with two ways of sampling", statistics=("final", "area", "lowest", "first"))
SIZE = Curves("dataset with two ensemble sizes", each="size")

MANIPULATION = Curves(
    "runs of two methods on a manipulation task",
    quantity=SUCCESS,
    family="manipulation",
    datasets=("mixed",),
    budget=None,
    statistics=("final", "first", "lowest"),
)
ORIGINS = replace(
    MANIPULATION,
    what="runs of Ours on a manipulation task",
    each="origin",
    quantity=SHARES,
    least=1,
    statistics=("last", "first"),
)

#: the main comparison
MAIN = FigureSpec(
    "fig_3",
    "Figure 3: main comparison",
    "Average return of deterministic evaluation episodes during online fine-tuning, one panel per task "
    "and dataset. SAC learns from scratch and is the same in every panel of a task.",
    "Ours is best on most tasks, in speed and in final return, and well above SAC-ft. AWAC and BCQ-ft are "
    "competitive on medium-expert data, and below SAC on random data. Ours can be unstable at first on "
    "narrow data (medium-expert). 250k steps, 4 seeds, N = 5.",
    Curves("runs of the main methods", least=1, main="ours", against=("sac-ft",), ranks=True),
)

FIGURES = {
    spec.name: spec
    for spec in (
        FigureSpec(
            "fig_1a",
            "Figure 1a: online data differs from offline data",
            "Log-likelihood of state-action pairs under a variational autoencoder of the offline data: held-out "
            "offline pairs against pairs that the CQL agent meets online.",
            "On halfcheetah-random there is a clear gap between the two.",
            needs=frozenset({"likelihoods"}),
        ),
        FigureSpec(
            "fig_1b",
            "Figure 1b: which samples to fine-tune on",
            "Average return of one CQL agent, fine-tuned with SAC's losses on halfcheetah-medium: from online "
            "samples only, or from offline and online samples uniformly.",
            "Online only drops at once, from about 4500 to below 3000. Uniform is stable at first, then slow, and "
            "ends lower.",
            Curves(
                "dataset with both ways of sampling",
                some_tasks=("halfcheetah",),
                datasets=("medium",),
                statistics=("early_minimum", "first", "final"),
                main="sac-ft-online",
            ),
        ),
        FigureSpec(
            "fig_1c",
            "Figure 1c: a pessimistic or a neutral Q to start from",
            "Average return of one agent with balanced replay on halfcheetah. Its policy comes from CQL; its "
            "Q-function from CQL (pessimistic) or from fitted Q evaluation of that policy (neutral).",
            "On random data there is no difference. On medium-expert data the neutral one loses the initial "
            "policy and falls to a return of zero at one point.",
            Curves(
                "dataset with both initial Q-functions",
                some_tasks=("halfcheetah",),
                datasets=("random", "medium-expert"),
                statistics=("lowest", "first", "final"),
            ),
        ),
        FigureSpec(
            "fig_2",
            "Figure 2: the method",
            "N agents are pre-trained offline by CQL and become one ensemble. Online, a density ratio network "
            "gives priority to offline transitions that look like online ones, and SAC updates the whole ensemble "
            "on minibatches drawn by priority.",
            "The paper's Figure 2 illustrates its method; nothing is measured in it.",
            needs=frozenset(),
        ),
        MAIN,
        FigureSpec(
            "fig_4a",
            "Figure 4a: which data balanced replay uses",
            "Share of offline transitions in the minibatches of Ours, averaged over all minibatches between two "
            "evaluations.",
            "On random data the offline share falls quickly towards zero; on medium-expert data offline samples "
            "are replayed throughout.",
            replace(
                BUFFER,
                what="runs of Ours on random or medium-expert data",
                datasets=("random", "medium-expert"),
                panel_of="fig_9",
            ),
        ),
        FigureSpec(
            "fig_4b",
            "Figure 4b: what the ensemble knows about unseen actions",
            "AUROC of the Q-values of state-action pairs seen online against those of the same states with random "
            "actions: of the ensemble, and of a single member, the mean over all of them.",
            "The ensemble distinguishes the two better than a single Q-function.",
            replace(
                ENSEMBLE,
                what="runs of Ours with AUROC on medium-expert data",
                datasets=("medium-expert",),
                panel_of="fig_10",
            ),
        ),
        FigureSpec(
            "fig_4c",
            "Figure 4c: how samples are drawn",
            "Average return with balanced replay, with uniform samples of offline and online data, and with "
            "online samples only. All three use the same ensemble.",
            "Balanced replay is best; uniform and online-only sampling are slow and unstable.",
            replace(SAMPLING, datasets=PREFERRED, panel_of="fig_11"),
        ),
        FigureSpec(
            "fig_4d",
            "Figure 4d: how many agents",
            "Average return of Ours with N agents in the ensemble. The N agents are the first N of the same "
            "pre-training.",
            "More agents are better.",
            replace(SIZE, datasets=PREFERRED, panel_of="fig_12"),
        ),
        FigureSpec(
            "fig_5a",
            "Figure 5a: manipulation from pixels",
            "Share of deterministic evaluation episodes that end in success, during online fine-tuning from 48x48 "
            "pixels: of Ours, and of one CQL agent that keeps CQL's term and sees online samples only (CQL-ft).",
            "Ours solves all three tasks consistently. CQL-ft hardly improves, varies much between seeds, and "
            "fails on some. 1,000 episodes, 8 seeds, N = 4.",
            replace(MANIPULATION, main="ours", against=("cql-ft",)),
        ),
        FigureSpec(
            "fig_5b",
            "Figure 5b: what balanced replay keeps",
            "Where the samples of Ours come from, averaged over all minibatches between two evaluations: scripted "
            "offline data, random offline data, online data.",
            "Structured offline data are kept while they are relevant, random data are filtered out over time.",
            replace(ORIGINS, panel_of="fig_17"),
        ),
        FigureSpec(
            "fig_6",
            "Figure 6: the locomotion tasks",
            "Each task as MuJoCo draws it.",
            "The paper's text does not mention its Figure 6; we read it as pictures of the locomotion tasks.",
            needs=frozenset({"renders"}),
        ),
        FigureSpec(
            "fig_7",
            "Figure 7: the manipulation tasks",
            "Each task as MuJoCo draws it, and the 48x48 pixels that the agent sees.",
            "The paper shows pictures of its PyBullet tasks; these are those that this project built on MuJoCo.",
            needs=frozenset({"renders", "films"}),
        ),
        FigureSpec(
            "fig_8",
            "Figure 8: CQL's regularisation online",
            "Average return of Ours, which drops CQL's penalty when fine-tuning starts (No reg), and of the same "
            "with the penalty kept (CQL reg). Balanced replay in both.",
            "The penalty blocks improvement.",
            Curves("dataset with and without the CQL term"),
        ),
        FigureSpec(
            "fig_9",
            "Figure 9: which data balanced replay uses, all tasks",
            "Figure 4a for all tasks: share of offline transitions in the minibatches of Ours, one curve per "
            "dataset.",
            "How much offline data is used depends on how relevant it is, with the same trends on all tasks.",
            BUFFER,
        ),
        FigureSpec(
            "fig_10",
            "Figure 10: what the ensemble knows about unseen actions, all tasks",
            "Figure 4b for all tasks and datasets: AUROC of the Q-values of online pairs against random actions.",
            "The AUROC of the ensemble is above that of a single Q-function.",
            ENSEMBLE,
        ),
        FigureSpec(
            "fig_11",
            "Figure 11: how samples are drawn, all tasks",
            "Figure 4c for all tasks and datasets: average return with three ways of sampling, and the "
            "ensemble in all of them.",
            "Balanced replay gains most on hopper and walker2d.",
            SAMPLING,
        ),
        FigureSpec(
            "fig_12",
            "Figure 12: how many agents, all tasks",
            "Figure 4d for all tasks and datasets: average return of Ours with N agents.",
            "Returns grow with N; N = 5 was chosen for its cost.",
            SIZE,
        ),
        FigureSpec(
            "fig_13",
            "Figure 13: which data to start from, in the long run",
            "Average return on halfcheetah of Ours, and of the same ensemble with Q-functions from fitted Q "
            "evaluation. One million environment steps at scale paper; other scales show their usual runs.",
            "Ours reaches about 15k from random data and about 12k from medium and medium-replay, where "
            "medium-replay ends lowest. FQE init ends equally high, but clearly lower on random, and drops at "
            "first on medium and medium-expert.",
            Curves(
                "dataset with both initial Q-functions",
                some_tasks=("halfcheetah",),
                budget=None,
                statistics=("final", "first", "early_minimum"),
            ),
        ),
        FigureSpec(
            "fig_14",
            "Figure 14: two density ratios",
            "Average return of Ours with priorities from the ratio of online to offline density, and from that of "
            "online density to an equal mixture of both. We do not know the paper's formula for the second.",
            "There is little difference in most cases.",
            Curves("dataset with both density ratios"),
        ),
        FigureSpec(
            "fig_15",
            "Figure 15: manipulation, with SAC's losses",
            "Success during fine-tuning with SAC's losses: of the ensemble and of a single agent, with balanced "
            "replay and with online samples only.",
            "Ensemble and balanced replay are both needed. All lose at first; after about 200 episodes Ours is "
            "back, and it ends highest.",
            replace(MANIPULATION, main="ours"),
        ),
        FigureSpec(
            "fig_16",
            "Figure 16: manipulation, with CQL's term",
            "Figure 15 with CQL's conservative term in the losses of the critics.",
            "Ensemble and balanced replay end highest here, too.",
            replace(MANIPULATION, main="cql-reg"),
        ),
        FigureSpec(
            "fig_17",
            "Figure 17: what balanced replay keeps, all tasks",
            "Figure 5b for all manipulation tasks.",
            "Random data are filtered out on all tasks.",
            ORIGINS,
        ),
        FigureSpec(
            "fig_x0",
            "Figure X0: the main comparison over all tasks",
            "The final normalised scores of Figure 3 taken together, after Agarwal et al. 2021: interquartile "
            "mean, how often a run of Ours beats one of another method on a dataset, the share of runs above a "
            "score, and the interquartile mean over environment steps.",
            "The paper has no such figure: it compares curves task by task, of four seeds each.",
            runs_of=MAIN,
        ),
        FigureSpec(
            "table_b",
            "Appendix B: what an ensemble costs",
            "Time of a gradient step and of an action, and memory, with N agents: all of them in one batched "
            "product per layer, as in this project, and as a loop over separate networks.",
            "Appendix B of the paper gives the cost; we do not know its numbers.",
            needs=frozenset({"cost"}),
            latex=True,
        ),
    )
}


def get_figure(name: str) -> FigureSpec:
    """The figure of that name.

    Raises:
        Off2OnError: there is none.
    """
    return find("figure", name, FIGURES)

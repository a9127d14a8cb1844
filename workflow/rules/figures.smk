# Tables, claims, figures and the report: they read files only, and are redrawn in seconds.
from off2on.analysis.evidence import CLAIMS
from off2on.analysis.evidence import FILES as EVIDENCE

#: how the numbers may be read: claims, pictures and page say it
READING = SCALE.reading.model_dump_json()


rule aggregate:
    input:
        [file for path in results() for file in files_of(path)],
        LIKELIHOODS,
    output:
        [LAYOUT.analysis / name for name in TABLES],
    log:
        LOGS / "aggregate.log",
    localrule: True
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=1000,
        runtime=15,
    params:
        code=code_hash("off2on.analysis.aggregate", "off2on.methods"),
        out=LAYOUT.analysis,
        paths=results() + LIKELIHOODS,
    message:
        "aggregate {SCALE.name}"
    shell:
        "off2on aggregate --out {params.out:q} {params.paths:q} > {log:q} 2>&1"


rule claims:
    input:
        rules.aggregate.output,
    output:
        [LAYOUT.analysis / name for name in EVIDENCE],
    log:
        LOGS / "claims.log",
    localrule: True
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=1000,
        runtime=15,
    params:
        code=code_hash("off2on.analysis.evidence", files=[CLAIMS]),
        reading=READING,
    message:
        "test the claims on {SCALE.name}"
    shell:
        "off2on claims > {log:q} 2>&1"


for name in FIGURES:

    rule:
        name:
            name
        input:
            [file for path in drawn(name) for file in files_of(path)],
            [file for need in FIGURES[name].needs for file in NEEDED.get(need, [])],
        output:
            report(
                LAYOUT.figures / f"{name}.svg",
                caption="../report/figure.rst",
                category=FIGURES[name].chapter,
                labels={"figure": FIGURES[name].title},
            ),
            [LAYOUT.figures / f"{name}.{ending}" for ending in FIGURES[name].endings if ending != "svg"],
        log:
            LOGS / f"{name}.log",
        localrule: True
        conda:
            ENVIRONMENT
        threads: 1
        resources:
            mem_mb=1000,
            runtime=15,
        params:
            code=code_hash("off2on.figures.drawing", FIGURES[name].module),
            name=name,
            paths=drawn(name),
            reading=READING,
            caption=f"{FIGURES[name].caption} The paper: {FIGURES[name].paper}",
        message:
            f"draw {name}"
        shell:
            "off2on figure {params.name} --only {params.paths:q} > {log:q} 2>&1"


rule report:
    input:
        # where `off2on check-physics` has measured
        sorted((LAYOUT.results / "physics").glob("*/*.json")),
        rules.aggregate.output,
        rules.claims.output,
        [LAYOUT.figures / f"{name}.{ending}" for name in SELECTION.figures for ending in FIGURES[name].endings],
    output:
        report(REPORT, caption="../report/page.rst", category="Report of off2on", labels={"page": "report.html"}),
        [LAYOUT.figures / name for name in ("table_final.csv", "table_final.tex", "table_claims.csv")],
    log:
        LOGS / "report.log",
    localrule: True
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=1000,
        runtime=15,
    params:
        code=code_hash("off2on.figures.report", files=(PACKAGE / "figures" / "page").iterdir()),
        figures=",".join(SELECTION.figures),
        reading=READING,
    message:
        "write the report"
    shell:
        "off2on report --figures {params.figures} > {log:q} 2>&1"

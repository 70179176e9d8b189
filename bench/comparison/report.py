"""Tables of what was measured, beside the targets."""
import json
import pathlib

TARGETS = json.loads((pathlib.Path(__file__).resolve().parents[1] / "targets.json").read_text(encoding="utf-8"))


def duration(ns):
    for unit, size in (("s", 1e9), ("ms", 1e6), ("us", 1e3), ("ns", 1)):
        if ns >= size or unit == "ns":
            return f"{ns / size:.{2 if ns < 10 * size else 1 if ns < 100 * size else 0}f} {unit}"


def with_spread(runs):
    return f"{duration(runs.median)} ±{runs.spread * 100:.0f}%"


def table(rows, header):
    widths = [max(len(str(row[i])) for row in [header, *rows]) for i in range(len(header))]
    for row in [header, ["-" * width for width in widths], *rows]:
        print("| " + " | ".join(str(cell).ljust(width) for cell, width in zip(row, widths)) + " |")


def target_of(work, workers):
    return TARGETS["works"].get(work.name, {}).get(str(workers))


class Verdicts:
    def __init__(self):
        self.met, self.missed = 0, []

    def __call__(self, value, limit, what, unit=""):
        if value <= limit:
            self.met += 1
            return "ok"
        self.missed.append(f"{what} {value:.2f}{unit}, not {limit:.2f}{unit}")
        return "missed"


def print_ratios(works, runs, verdict):
    rows = []
    for work in works:
        reference_name = TARGETS["works"].get(work.name, {}).get("reference", work.reference)
        for workers in work.workers:
            mine, reference = (runs.get((work.name, workers, peer)) for peer in ("heddle", reference_name))
            others = {peer: runs[key] for peer in work.calls if peer not in ("heddle", reference_name)
                      and (key := (work.name, workers, peer)) in runs}
            target, ratio, word = target_of(work, workers), None, ""
            if mine and reference:
                ratio = mine.median / reference.median
                if target is not None:
                    word = verdict(ratio, target, f"{work.name} with {workers}")
            rows.append([
                work.name, workers, work.op,
                with_spread(mine) if mine else "-",
                f"{reference_name} {with_spread(reference)}" if reference else f"{reference_name} -",
                f"{ratio:.2f}" if ratio is not None else "-",
                f"{target:.2f}" if target is not None else "",
                word,
                ", ".join(f"{peer} {other.median / reference.median:.2f} ±{other.spread * 100:.0f}%" if reference
                          else f"{peer} {with_spread(other)}" for peer, other in others.items())])
    table(rows, ["work", "workers", "per", "heddle", "reference", "ratio", "target", "", "others, ratio to reference"])


def print_scaling(works, runs, verdict):
    rows = []
    limit, speed_up = TARGETS["two_workers_at_most"], TARGETS["speed_up_at_least"]
    for work in works:
        one, two = (runs.get((work.name, workers, "heddle")) for workers in (1, 2))
        if not one or not two:
            continue
        times = two.median / one.median
        if work.group in limit["groups"]:
            bound = limit["times_one_worker"]
            word = verdict(times, bound, f"{work.name} 2 workers to 1")
            rows.append([work.name, f"{times:.2f}", f"at most {bound}", word])
        elif work.group in speed_up["groups"]:
            bound = 1 / speed_up["two_workers"]
            word = verdict(times, bound, f"{work.name} 2 workers to 1")
            rows.append([work.name, f"{times:.2f} (speed-up {1 / times:.2f})",
                         f"speed-up {speed_up['two_workers']}", word])
    if rows:
        print("\nTime with two workers as a part of the time with one:\n")
        table(rows, ["work", "2 / 1", "target", ""])


def print_memory(works, runs, verdict):
    rows = []
    for work in works:
        limit = TARGETS["works"].get(work.name, {}).get("rss_mib")
        for workers in work.workers:
            mine = runs.get((work.name, workers, "heddle"))
            if limit is None or not mine:
                continue
            word = verdict(mine.rss_mib, limit, f"{work.name} with {workers}", " MiB")
            others = {peer: runs[key].rss_mib for peer in work.calls
                      if peer != "heddle" and (key := (work.name, workers, peer)) in runs}
            rows.append([work.name, workers, f"{mine.rss_mib:.0f}", limit, word,
                         ", ".join(f"{peer} {mib:.0f}" for peer, mib in others.items())])
    if rows:
        print("\nMost memory of the process, MiB:\n")
        table(rows, ["work", "workers", "heddle", "target", "", "others"])


def print_report(works, runs, rounds, others_share):
    verdict = Verdicts()
    print(f"\nMedian of {rounds} runs, ± half of the range. Ratio: heddle to the reference, lower is better.")
    if others_share > 0.05:
        print(f"Other programs used {others_share * 100:.0f} % of this machine meanwhile: repeat this when it is idle.")
    print()
    print_ratios(works, runs, verdict)
    print_scaling(works, runs, verdict)
    print_memory(works, runs, verdict)
    print(f"\n{verdict.met} of {verdict.met + len(verdict.missed)} targets met")
    for missed in verdict.missed:
        print(f"  missed: {missed}")


def write_json(path, runs):
    rows = [{"work": work, "workers": workers, "peer": peer, "ns": round(result.median, 3),
             "spread": round(result.spread, 4)} for (work, workers, peer), result in runs.items()]
    path.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")

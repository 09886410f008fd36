"""What the faults came to: figures, a table, one page."""

import html


def quantile(values, share):
    """Of a list, by the nearest rank; nan of an empty one."""
    if not values:
        return float("nan")
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, int(-(-share * len(ordered) // 1)) - 1))]


def sum_up(fault, what, faults, report, orphans, refusals, options):
    """What one fault did, over all its times. A gap belongs to the fault before it.

    `refusals` are joins that were tried while the store was away: status and ms of each.
    """
    gaps = [gap for gap in report["gaps"] if not gap["isOpen"]]
    first = faults[0][0]
    of_fault = [gap["milliseconds"] for gap in gaps if gap["at"] + gap["milliseconds"] >= first]
    media = report["media"]
    return {
        "fault": fault, "what": what, "times": len(faults), "sessions": options.sessions,
        "streams": 2 * options.sessions,
        "seen": [took for _, took in faults], "unseen": sum(took is None for _, took in faults),
        "gaps": of_fault, "stillAtTheEnd": sum(gap["isOpen"] for gap in report["gaps"]),
        "sessionsLost": len({gap["subscriber"] for gap in report["gaps"] if gap["isOpen"]}),
        "duplicated": media["duplicated"], "corrupt": media["corrupt"], "misdelivered": media["misdelivered"],
        "lost": media["lost"], "expected": media["expected"], "indices": report["indices"]["watched"],
        "reused": report["indices"]["reused"], "orphans": orphans,
        "joined": report["joins"]["succeeded"], "reconnects": report["reconnects"],
        "refusals": [took for status, took in refusals if status == 503],
        "joinsTaken": sum(status != 503 for status, _ in refusals)}


COLUMNS = [
    ("fault", lambda r: r["fault"]), ("times", lambda r: r["times"]),
    ("seen, ms p50 / max", lambda r: f"{quantile([s for s in r['seen'] if s is not None], 0.5):.0f} / "
                                     f"{max([s for s in r['seen'] if s is not None], default=float('nan')):.0f}"),
    ("gaps", lambda r: len(r["gaps"])),
    ("media gap, ms p50 / p99 / max",
     lambda r: f"{quantile(r['gaps'], 0.5):.0f} / {quantile(r['gaps'], 0.99):.0f} / {max(r['gaps'], default=0):.0f}"
     if r["gaps"] else "none"),
    ("connected anew: with media, without, failed",
     lambda r: "{moved}, {lost}, {failed}".format(**r["reconnects"])),
    ("packets lost", lambda r: f"{r['lost']} of {r['expected']}"),
    ("sessions lost", lambda r: r["sessionsLost"]), ("duplicated", lambda r: r["duplicated"]),
    ("corrupt, misdelivered", lambda r: f"{r['corrupt']}, {r['misdelivered']}"),
    ("joins refused, ms max",
     lambda r: f"{len(r['refusals'])}, {max(r['refusals']):.0f}" if r["refusals"] else "none"),
    ("orphaned", lambda r: r["orphans"]),
    ("SRTP indices used twice", lambda r: f"{r['reused']} of {r['indices']}"),
]


def text_table(results):
    rows = [[name for name, _ in COLUMNS]] + [[str(cell(r)) for _, cell in COLUMNS] for r in results]
    widths = [max(len(row[i]) for row in rows) for i in range(len(COLUMNS))]
    return "\n".join("  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip() for row in rows)


def page(results, options):
    head = "".join(f"<th>{html.escape(name)}</th>" for name, _ in COLUMNS)
    rows = "".join(
        "<tr>" + "".join(f"<td>{html.escape(str(cell(r)))}</td>" for _, cell in COLUMNS) + "</tr>" for r in results)
    faults = "".join(f"<dt>{r['fault']}</dt><dd>{html.escape(r['what'])}</dd>" for r in results)
    return f"""<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Apus: chaos</title>
<style>
body {{ font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 76rem; padding: 0 1rem }}
table {{ border-collapse: collapse; width: 100% }} td, th {{ border-bottom: 1px solid #8884; padding: .4rem .6rem; text-align: left }}
th {{ font-weight: 600 }} td {{ font-variant-numeric: tabular-nums }} dt {{ font-weight: 600 }}
</style>
<h1>Chaos with real processes</h1>
<p>{options.sessions} rooms, one publisher and one subscriber each, sound and {options.rate} frames a second; two
controllers, {options.workers} workers, real Redis. A stream stands still when {options.gap:.0f} ms pass without a
packet; each payload's checksum is verified, and every SRTP index that a subscriber sees is remembered. Sessions are lost
when a stream has not come back at the end.</p>
<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>
<dl>{faults}</dl></html>
"""

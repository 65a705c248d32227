"""How cards look, in light and dark: in the colours of the page of recipes, which frames them."""

POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-src 'self'; "
    "base-uri 'none'; form-action 'none'"
)
"""No scripts, no requests: not even from what a library put into its diagram."""

STYLE = """
:root{--paper:#fff;--ink:#1d1b16;--soft:#575245;--line:#dcd7cb;--panel:#f6f4ee;--accent:#1d4ed8;
--bar:#4a8fd9;--bad:#b42318}
@media (prefers-color-scheme:dark){:root{--paper:#191b1f;--ink:#eceae3;--soft:#b6b3a9;
--line:#30343a;--panel:#121315;--accent:#8fb0ff;--bar:#4a8fd9;--bad:#ff8a7a}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:14px/1.5 system-ui,sans-serif}
header{padding:16px 24px 4px}h1{margin:0;font-size:20px}header p{margin:0;color:var(--soft)}
h2{font-size:15px;margin:20px 0 8px}.bad{color:var(--bad);font-weight:600}
input[name=tab]{position:absolute;opacity:0;pointer-events:none}
nav{display:flex;flex-wrap:wrap;gap:4px;padding:8px 24px 0;border-bottom:1px solid var(--line)}
nav label{padding:6px 10px;border-bottom:2px solid transparent;cursor:pointer;opacity:.8}
nav label:hover{opacity:1}
main{padding:16px 24px}section{display:none}
.wide{overflow-x:auto;max-width:100%}
table{border-collapse:collapse;font-size:13px}
th,td{padding:5px 10px;text-align:left;border-bottom:1px solid var(--line);vertical-align:top}
tr:first-child th{color:var(--soft);font-weight:600}.number{text-align:right;
font-variant-numeric:tabular-nums}.strong td{font-weight:600}
pre{background:var(--panel);border:1px solid var(--line);border-radius:6px;padding:12px;
overflow-x:auto;font:12px/1.5 ui-monospace,monospace;white-space:pre-wrap;overflow-wrap:anywhere}
dl{display:grid;grid-template-columns:max-content 1fr;gap:6px 20px;margin:8px 0}
dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}
.notes{color:var(--soft);padding-left:18px}
svg rect{fill:var(--bar)}svg rect.soft{opacity:.35}
svg text{fill:var(--ink);font-size:10px}svg .end{text-anchor:end}
iframe{width:100%;min-height:340px;border:1px solid var(--line);border-radius:6px;
color-scheme:light;background:#fff}
figure{display:inline-block;margin:8px 16px 8px 0;vertical-align:top;width:480px;max-width:100%}
img{width:100%;background:#fff;padding:8px;border:1px solid var(--line);border-radius:6px}
figcaption{color:var(--soft)}
"""

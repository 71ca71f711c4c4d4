/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "outputs/flame_svg.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "model/names.h"
#include "outputs/frames.h"
#include "outputs/style.h"
#include "outputs/text.h"

#define WIDTH	  1200
#define ROW	  17
#define HEAD	  60 /* above the frames: title, legend, buttons */
#define FOOT	  30
#define NODES_MAX 100000
#define NARROWEST 0.00005 /* of the whole: narrower frames can't be seen, nor zoomed to with profit */

#define STILL_HEAD	2
#define STILL_NARROWEST 0.002 /* nothing zooms there */
#define LETTER		7     /* wide */

/* A frame, as wide as all lines that share it and what stands below. */
struct node {
	uint32_t word, depth;
	uint64_t start_ns, ns, before_ns;
	uint64_t kinds_ns[WW_KIND_COUNT];
};

struct drawing {
	struct node *nodes;
	size_t len, cap;
	uint32_t deepest;
	uint64_t total_ns, before_ns;
	bool difference;
	uint64_t most_ns; /* that a frame differs by */
};

static const char *const colours[] = {
	[WW_KIND_COMPUTE] = "#e4572e", [WW_KIND_GC] = "#c4709c",     [WW_KIND_RUNQ] = "#f3a712",
	[WW_KIND_QUEUE] = "#b39ac2",   [WW_KIND_DB] = "#5aa9cc",     [WW_KIND_NET] = "#4fb0c6",
	[WW_KIND_DISK] = "#a99b8c",    [WW_KIND_LOCK] = "#a583cc",   [WW_KIND_SLEEP] = "#95a5a6",
	[WW_KIND_IPC] = "#5b8e7d",     [WW_KIND_CLIENT] = "#bcb382", [WW_KIND_OTHER] = "#bfbfbf",
};

static struct node *add_node(struct drawing *drawing, uint32_t word, uint32_t depth, uint64_t start_ns)
{
	if (drawing->len == drawing->cap) {
		size_t cap = drawing->cap ? 2 * drawing->cap : 1024;
		struct node *more = reallocarray(drawing->nodes, cap, sizeof(*more));

		if (!more)
			return NULL;
		drawing->nodes = more;
		drawing->cap = cap;
	}
	struct node *node = &drawing->nodes[drawing->len++];
	*node = (struct node){.word = word, .depth = depth, .start_ns = start_ns};
	if (depth > drawing->deepest)
		drawing->deepest = depth;
	return node;
}

/* Lines come ordered, so frames that several share stand side by side. */
static int build(struct drawing *drawing, const struct ww_frame_lines *lines)
{
	size_t open_cap = 2048, open_len = 0;
	size_t *open = calloc(open_cap, sizeof(*open)); /* the frames of the line before, by depth */
	int err = open ? 0 : -ENOMEM;

	for (size_t i = 0; i < lines->len && !err; i++) {
		const struct ww_frame_line *line = &lines->lines[i];
		uint32_t depth = 0;

		while (depth < line->len && depth < open_len && drawing->nodes[open[depth]].word == line->words[depth])
			depth++;
		for (open_len = depth; open_len < line->len && open_len < open_cap; open_len++) {
			if (!add_node(drawing, line->words[open_len], (uint32_t)open_len, drawing->total_ns)) {
				err = -ENOMEM;
				break;
			}
			open[open_len] = drawing->len - 1;
		}
		for (uint32_t at = 0; at < open_len; at++) {
			drawing->nodes[open[at]].ns += line->ns;
			drawing->nodes[open[at]].before_ns += line->before_ns;
			drawing->nodes[open[at]].kinds_ns[line->kind] += line->ns;
		}
		drawing->total_ns += line->ns;
		drawing->before_ns += line->before_ns;
	}
	for (size_t i = 0; i < drawing->len; i++) {
		const struct node *node = &drawing->nodes[i];
		uint64_t by = node->ns > node->before_ns ? node->ns - node->before_ns : node->before_ns - node->ns;

		if (by > drawing->most_ns)
			drawing->most_ns = by;
	}
	free(open);
	return err;
}

static const char script[] =
	"const W=1200,R=17,NS='http://www.w3.org/2000/svg';\n"
	"const root=document.documentElement,info=document.getElementById('info');\n"
	"const all=[...document.querySelectorAll('g.f')].map(g=>({g,x:+g.dataset.x,w:+g.dataset.w,d:+g.dataset.d,"
	"name:g.dataset.n,rect:g.querySelector('rect'),text:g.querySelector('text'),title:g.querySelector('title')"
	".textContent}));\n"
	"let view=null,term=null;\n"
	"function place(f,x,w,faded){const px=x*W,pw=w*W;f.g.style.display=pw<.1?'none':'';"
	"f.rect.setAttribute('x',px);f.rect.setAttribute('width',Math.max(0,pw-.3));f.g.classList.toggle('faded',faded)"
	";"
	"const n=Math.floor((pw-6)/7);f.text.setAttribute('x',px+3);"
	"f.text.textContent=n<3?'':f.name.length<=n?f.name:f.name.slice(0,n-2)+'..';}\n"
	"function draw(){const v=view||{x:0,w:1,d:-1};for(const f of all){const a=(f.x-v.x)/v.w,w=f.w/v.w;\n"
	"if(f.d<=v.d&&f.x<=v.x+1e-12&&f.x+f.w>=v.x+v.w-1e-12)place(f,0,1,f!==view);\n"
	"else if(f.d<=v.d||a+w<=1e-12||a>=1-1e-12)f.g.style.display='none';else place(f,a,w,false);}\n"
	"document.getElementById('reset').style.display=view?'':'none';}\n"
	"function search(t){term=t;let re=null,end=-1,sum=0;try{re=t?new RegExp(t,'i'):null;}catch(e){re=null;}\n"
	"const hit=all.filter(f=>{const m=!!re&&re.test(f.name);f.g.classList.toggle('hit',m);return m;});\n"
	"hit.sort((a,b)=>a.x-b.x||a.d-b.d);for(const f of hit)if(f.x>=end-1e-12){sum+=f.w;end=f.x+f.w;}\n"
	"document.getElementById('match').textContent=re?'matched: '+(100*sum).toFixed(1)+' %':'';}\n"
	"for(const f of all){f.g.addEventListener('click',()=>{view=view===f?null:f;draw();});\n"
	"f.g.addEventListener('mouseover',()=>{info.textContent=f.title;});}\n"
	"document.getElementById('reset').addEventListener('click',()=>{view=null;draw();});\n"
	"document.getElementById('search').addEventListener('click',()=>{const t=prompt('Search (a regular "
	"expression); "
	"empty: nothing',term||'');if(t!==null)search(t);});\n"
	"const asked=new URLSearchParams(location.hash.slice(1));draw();\n"
	"if(asked.get('search'))search(asked.get('search'));\n"
	"if(asked.get('zoom')){view=all.find(f=>f.name===asked.get('zoom'))||null;draw();}\n";

static void write_head(FILE *out, const struct drawing *drawing, const char *title)
{
	unsigned height = HEAD + FOOT + (drawing->deepest + 1) * ROW;

	fprintf(out,
		"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %u\" width=\"%d\" height=\"%u\">\n"
		"<style>text{font:12px monospace;fill:#222}.f text{pointer-events:none}.f{cursor:pointer}"
		".f:hover rect{stroke:#000;stroke-width:.7}.faded{opacity:.5}.hit rect{fill:#e600e6}"
		".b{cursor:pointer;text-decoration:underline}</style>\n"
		"<rect width=\"100%%\" height=\"100%%\" fill=\"#fffdf8\"/>\n<text x=\"%d\" y=\"20\" "
		"text-anchor=\"middle\" style=\"font-size:16px\">",
		WIDTH, height, WIDTH, height, WIDTH / 2);
	ww_text__markup(out, title);
	fprintf(out,
		"</text>\n<text id=\"reset\" class=\"b\" x=\"10\" y=\"20\" style=\"display:none\">reset zoom</text>\n"
		"<text id=\"search\" class=\"b\" x=\"%d\" y=\"20\" text-anchor=\"end\">search</text>\n"
		"<text id=\"match\" x=\"%d\" y=\"%u\" text-anchor=\"end\"> </text>\n"
		"<text id=\"info\" x=\"10\" y=\"%u\"> </text>\n",
		WIDTH - 10, WIDTH - 10, height - 10, height - 10);
}

/* The kinds that there are, with their colours. */
static void write_legend(FILE *out, const uint64_t kinds_ns[WW_KIND_COUNT])
{
	unsigned x = 10;

	for (int kind = 0; kind < WW_KIND_COUNT; kind++) {
		const char *name = ww_kind_name((enum ww_kind)kind);

		if (!kinds_ns[kind])
			continue;
		fprintf(out,
			"<rect x=\"%u\" y=\"34\" width=\"10\" height=\"10\" fill=\"%s\"/><text x=\"%u\" "
			"y=\"43\">%s</text>\n",
			x, colours[kind], x + 14, name);
		x += 30 + 8 * (unsigned)strlen(name);
	}
}

/* The kind that most of it was. */
static int most_of(const struct node *node)
{
	int most = 0;

	for (int kind = 1; kind < WW_KIND_COUNT; kind++)
		if (node->kinds_ns[kind] > node->kinds_ns[most])
			most = kind;
	return most;
}

/* "#ff8080": the more it differs, the stronger. */
static void colour_of(const struct drawing *drawing, const struct node *node, char colour[8])
{
	bool more = node->ns > node->before_ns;
	uint64_t by = more ? node->ns - node->before_ns : node->before_ns - node->ns;
	unsigned pale = 230 - (drawing->most_ns ? (unsigned)(130.0 * (double)by / (double)drawing->most_ns) : 0);

	if (drawing->difference && pale == 230)
		strcpy(colour, "#e6e6e6");
	else if (drawing->difference)
		snprintf(colour, 8, more ? "#ff%02x%02x" : "#%02x%02xff", pale, pale);
	else
		snprintf(colour, 8, "%s", colours[most_of(node)]);
}

static void write_share(FILE *out, const struct drawing *drawing, const struct node *node)
{
	char duration[WW_TEXT_NUMBER], other[WW_TEXT_NUMBER];
	bool first = true;

	fprintf(out, " (%s", ww_text__duration(duration, node->ns));
	if (drawing->difference) {
		bool more = node->ns >= node->before_ns;
		uint64_t by = more ? node->ns - node->before_ns : node->before_ns - node->ns;

		fprintf(out, " a request, %s%s", more ? "+" : "-", ww_text__duration(duration, by));
		fprintf(out, "; was %s)", ww_text__duration(other, node->before_ns));
		return;
	}
	fprintf(out, ", %.2f %%; ", 100 * (double)node->ns / (double)drawing->total_ns);
	for (int kind = 0; kind < WW_KIND_COUNT; kind++) {
		if (!node->kinds_ns[kind])
			continue;
		fprintf(out, "%s%s %.0f %%", first ? "" : ", ", ww_kind_name((enum ww_kind)kind),
			100.0 * (double)node->kinds_ns[kind] / (double)node->ns);
		first = false;
	}
	fputc(')', out);
}

static void write_node(FILE *out, const struct drawing *drawing, const struct node *node, const char *name)
{
	double total = (double)drawing->total_ns, share = (double)node->ns / total;
	unsigned y = HEAD + (drawing->deepest - node->depth) * ROW;
	char colour[8];

	colour_of(drawing, node, colour);
	fprintf(out, "<g class=\"f\" data-x=\"%.9f\" data-w=\"%.9f\" data-d=\"%u\" data-n=\"",
		(double)node->start_ns / total, share, node->depth);
	ww_text__markup(out, name);
	fputs("\"><title>", out);
	ww_text__markup(out, name);
	write_share(out, drawing, node);
	fprintf(out,
		"</title><rect x=\"%.2f\" y=\"%u\" width=\"%.2f\" height=\"%d\" fill=\"%s\"/>"
		"<text x=\"%.2f\" y=\"%u\"></text></g>\n",
		(double)node->start_ns / total * WIDTH, y, share * WIDTH, ROW - 1, colour,
		(double)node->start_ns / total * WIDTH + 3, y + 12);
}

static void write_body(FILE *out, const struct drawing *drawing, const struct ww_frame_lines *lines)
{
	for (size_t i = 0, drawn = 0; i < drawing->len && drawn < NODES_MAX; i++) {
		const struct node *node = &drawing->nodes[i];

		if (!node->ns || (double)node->ns < NARROWEST * (double)drawing->total_ns)
			continue;
		write_node(out, drawing, node, ww_intern__get(lines->words, node->word));
		drawn++;
	}
	fprintf(out, "<script><![CDATA[\n%s]]></script>\n</svg>\n", script);
}

int ww_flame_svg__write(FILE *out, const struct ww_profile *profile, const char *title)
{
	uint64_t kinds_ns[WW_KIND_COUNT] = {0};
	struct drawing drawing = {0};
	struct ww_frame_lines lines;
	int err = ww_frame_lines__of(&lines, profile);

	if (err)
		return err;
	err = build(&drawing, &lines);
	for (size_t i = 0; i < lines.len; i++)
		kinds_ns[lines.lines[i].kind] += lines.lines[i].ns;
	if (!err) {
		write_head(out, &drawing, title);
		write_legend(out, kinds_ns);
		write_body(out, &drawing, &lines);
	}
	free(drawing.nodes);
	ww_frame_lines__free(&lines);
	return err;
}

static void write_still_node(FILE *out, const struct drawing *drawing, const struct node *node, const char *name)
{
	const struct ww_style style = {.utf8 = true};
	double total = (double)drawing->total_ns, width = (double)node->ns / total * WIDTH;
	unsigned y = STILL_HEAD + (drawing->deepest - node->depth) * ROW;
	double x = (double)node->start_ns / total * WIDTH;
	char shown[WIDTH / LETTER * 4 + 1];
	int letters = (int)((width - 6) / LETTER);

	fputs("<g><title>", out);
	ww_text__markup(out, name);
	write_share(out, drawing, node);
	fprintf(out, "</title><rect x=\"%.1f\" y=\"%u\" width=\"%.1f\" height=\"%d\" class=\"k%d\"/>", x, y,
		width > 1 ? width - 0.3 : width, ROW - 1, most_of(node));
	if (letters >= 3) {
		ww_text__fit(shown, sizeof(shown), name, letters, &style);
		fprintf(out, "<text x=\"%.1f\" y=\"%u\">", x + 3, y + 12);
		ww_text__markup(out, shown);
		fputs("</text>", out);
	}
	fputs("</g>\n", out);
}

int ww_flame_svg__write_still(FILE *out, const struct ww_profile *profile)
{
	struct drawing drawing = {0};
	struct ww_frame_lines lines;
	uint32_t deepest = 0;
	int err = ww_frame_lines__of(&lines, profile);

	if (err)
		return err;
	err = build(&drawing, &lines);
	/* What is too narrow to be seen needs no room above the rest. */
	for (size_t i = 0; i < drawing.len; i++)
		if ((double)drawing.nodes[i].ns >= STILL_NARROWEST * (double)drawing.total_ns &&
		    drawing.nodes[i].depth > deepest)
			deepest = drawing.nodes[i].depth;
	drawing.deepest = deepest;
	if (!err)
		fprintf(out, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %u\" role=\"img\">\n", WIDTH,
			STILL_HEAD + (deepest + 1) * ROW);
	for (size_t i = 0; !err && i < drawing.len; i++)
		if (drawing.nodes[i].ns && (double)drawing.nodes[i].ns >= STILL_NARROWEST * (double)drawing.total_ns)
			write_still_node(out, &drawing, &drawing.nodes[i],
					 ww_intern__get(lines.words, drawing.nodes[i].word));
	if (!err)
		fputs("</svg>\n", out);
	free(drawing.nodes);
	ww_frame_lines__free(&lines);
	return err;
}

int ww_flame_svg__write_difference(FILE *out, const struct ww_profile *before, const struct ww_profile *after,
				   const char *title)
{
	struct drawing drawing = {.difference = true};
	char now[WW_TEXT_NUMBER], was[WW_TEXT_NUMBER];
	struct ww_frame_lines lines;
	int err = ww_frame_lines__between(&lines, before, after);

	if (err)
		return err;
	err = build(&drawing, &lines);
	if (!err) {
		write_head(out, &drawing, title);
		fprintf(out,
			"<rect x=\"10\" y=\"34\" width=\"10\" height=\"10\" fill=\"#ff6464\"/><text x=\"24\" "
			"y=\"43\">more than before</text><rect x=\"160\" y=\"34\" width=\"10\" height=\"10\" "
			"fill=\"#6464ff\"/><text x=\"174\" y=\"43\">less; widths are %s a request, summed over "
			"endpoints (was %s)</text>\n",
			ww_text__duration(now, drawing.total_ns), ww_text__duration(was, drawing.before_ns));
		write_body(out, &drawing, &lines);
	}
	free(drawing.nodes);
	ww_frame_lines__free(&lines);
	return err;
}

#include "analysis/page.h"

#include <string.h>

static const char style[] =
    "body{font:16px/1.5 system-ui,sans-serif;color:#222;background:#fff;margin:2rem auto;"
    "max-width:56rem;padding:0 1rem}"
    "h1{font-size:1.7rem;margin:0 0 .2rem}h2{font-size:1.15rem;margin:2.6rem 0 .4rem}"
    "p.sub{color:#666;margin:0 0 1.2rem;font-size:.92rem}"
    "p.question{font-size:1.05rem;margin:.4rem 0 1rem}"
    "p.bad{background:#fde0dd;border-left:4px solid #c51b8a;padding:.5rem .8rem}"
    "figure{margin:0 0 .4rem}figure svg{width:100%;height:auto}"
    "figcaption{font-size:.9rem;color:#444;margin:.2rem 0 0}"
    "table{border-collapse:collapse;font-size:.88rem;width:100%}"
    "th{text-align:left;border-bottom:2px solid #ccc;padding:.25rem .6rem .25rem 0}"
    "td{border-bottom:1px solid #eee;padding:.22rem .6rem .22rem 0;vertical-align:top}"
    "td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}"
    "td.u{color:#666;white-space:nowrap}code{font-size:.92em}"
    "div.tiles{display:flex;flex-wrap:wrap;gap:.7rem;margin:1rem 0}"
    "div.tile{border:1px solid #ddd;border-radius:6px;padding:.5rem .8rem;min-width:9rem;flex:1}"
    "div.tile b{display:block;font-size:1.3rem;font-weight:600}"
    "div.tile span{font-size:.82rem;color:#666}"
    "details{margin:.6rem 0}pre{background:#f6f6f6;padding:.8rem;overflow:auto;font-size:.8rem}"
    "footer{margin:3rem 0 1rem;color:#777;font-size:.82rem;word-break:break-all}";

void page_text(FILE *out, const char *text)
{
    for (; *text != 0; text++) {
        switch (*text) {
        case '<':
            fputs("&lt;", out);
            break;
        case '>':
            fputs("&gt;", out);
            break;
        case '&':
            fputs("&amp;", out);
            break;
        case '"':
            fputs("&quot;", out);
            break;
        default:
            fputc(*text, out);
        }
    }
}

/* gnuplot gives the same ids in every file; on one page they must differ. */
static void svg_line_put(FILE *out, const char *line, const char *name)
{
    static const char *const before[] = {"id='", "id=\"", "href='#"};

    while (*line != 0) {
        size_t used = 0;
        for (size_t i = 0; i < sizeof(before) / sizeof(before[0]) && used == 0; i++) {
            if (strncmp(line, before[i], strlen(before[i])) == 0) {
                used = strlen(before[i]);
            }
        }
        if (used > 0) {
            fprintf(out, "%.*s%s-", (int)used, line, name);
            line += used;
        } else {
            fputc(*line++, out);
        }
    }
}

/* The svg element of a file, without what stands before it and without gnuplot's name as a title.
 */
static enum err svg_put(FILE *out, const char *path, const char *name, const char *title)
{
    FILE *in = fopen(path, "r");
    char line[8192];
    bool inside = false;

    if (in == NULL) {
        return ERR_IO;
    }
    while (fgets(line, sizeof(line), in) != NULL) {
        if (strncmp(line, "<svg", 4) == 0) {
            inside = true;
            fputs("<svg role=\"img\" aria-label=\"", out);
            page_text(out, title);
            fputs("\"\n", out);
        } else if (inside && strncmp(line, "<title", 6) != 0 && strncmp(line, "<desc", 5) != 0) {
            svg_line_put(out, line, name);
        }
    }
    fclose(in);
    return inside ? ERR_OK : ERR_IO;
}

enum err page_figure(FILE *out, const char *folder, const char *name, const char *title,
                     const char *caption)
{
    char path[1300];

    fputs("<h2>", out);
    page_text(out, title);
    fprintf(out, "</h2>\n<figure id=\"%s\">\n", name);
    snprintf(path, sizeof(path), "%s/%s.svg", folder, name);
    TRY(svg_put(out, path, name, title));
    fputs("<figcaption>", out);
    page_text(out, caption);
    fputs("</figcaption>\n</figure>\n", out);
    return ERR_OK;
}

void page_head(FILE *out, const char *title)
{
    fputs("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
          "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><title>",
          out);
    page_text(out, title);
    fprintf(out, "</title>\n<style>%s</style></head><body>\n<h1>", style);
    page_text(out, title);
    fputs("</h1>\n", out);
}

/* From a scenario back to text: used.yaml, and the reference of all keys. */
#include <errno.h>

#include "sim/scenario/schema.h"

void scenario_write(const struct scenario *scenario, FILE *out)
{
    size_t count;
    const struct key *keys = schema_root(&count);

    fputs("# Every parameter of this run with its value. Runs again as it is.\n", out);
    settings_print(out, scenario, keys, count);
}

enum err scenario_print(const struct scenario *scenario, const char *path)
{
    FILE *out = fopen(path, "w");

    if (out == NULL) {
        return ERR_IO;
    }
    scenario_write(scenario, out);
    bool failed = ferror(out) != 0;
    failed |= fclose(out) != 0;
    return !failed ? ERR_OK : errno == ENOSPC ? ERR_NO_SPACE : ERR_IO;
}

void scenario_reference(FILE *out)
{
    size_t count;
    const struct key *keys = schema_root(&count);

    fputs("# Scenario reference\n\nMade by `orrery reference` from the schema table; do not edit. "
          "[Writing a scenario](scenarios.md) explains.\n\n| key | value | default | meaning |\n"
          "| --- | --- | --- | --- |\n",
          out);
    settings_reference(out, "", keys, count);
}

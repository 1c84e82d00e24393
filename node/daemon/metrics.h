/* Measurements of one daemon in the text format of Prometheus (docs/rest-api.md lists them). Counts
 * and histograms are kept here as things happen; gauges are read when somebody asks. */
#ifndef ORRERY_DAEMON_METRICS_H
#define ORRERY_DAEMON_METRICS_H

#include "node/daemon/feed.h"

enum metric {
#define COUNTER(name, text) METRIC_##name,
#define HISTOGRAM(name, text, buckets) METRIC_##name,
#include "node/daemon/metrics.def"
#undef COUNTER
#undef HISTOGRAM
    METRICS
};

struct metrics;

struct metrics *metrics_open(struct api *api); /* listens to api->feed; NULL: no memory */
void metrics_close(struct metrics *metrics);

/* metrics NULL: nothing is counted. */
void metrics_count(struct metrics *metrics, enum metric metric, uint64_t by);
/* One observation, in the unit of the histogram's name; seconds are given in nanoseconds. */
void metrics_observe(struct metrics *metrics, enum metric metric, uint64_t value);

/* What the host tells. */
void metrics_notice(struct metrics *metrics, const struct host_notice *notice);
/* Every second: depths of queues. */
void metrics_sample(struct metrics *metrics);

/* The whole page, to be freed; NULL: no memory. */
char *metrics_text(struct api *api);

#endif

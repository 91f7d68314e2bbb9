//! Metrics of the process and of its runtime, by the semantic conventions of OpenTelemetry where those of Prometheus allow
//! it.

use std::time::Instant;

use opentelemetry::metrics::Meter;
use tokio::runtime::Handle;

/// Registers the metrics of the process and its runtime. Must be called on the runtime.
pub(super) fn observe(meter: &Meter) {
    #[cfg(target_os = "linux")]
    linux::observe(meter);
    let started_at = Instant::now();
    meter
        .f64_observable_gauge("process.uptime")
        .with_unit("s")
        .with_description("Time since the start of the process")
        .with_callback(move |gauge| gauge.observe(started_at.elapsed().as_secs_f64(), &[]))
        .build();
    let runtime = Handle::current().metrics();
    let queue_metrics = runtime.clone();
    meter
        .u64_observable_gauge("tickcast.runtime.queue")
        .with_description("Tasks waiting in the queue shared by the worker threads")
        .with_callback(move |gauge| gauge.observe(queue_metrics.global_queue_depth() as u64, &[]))
        .build();
    meter
        .f64_observable_counter("tickcast.runtime.busy")
        .with_unit("s")
        .with_description("Total busy time of the worker threads")
        .with_callback(move |counter| {
            let workers = 0..runtime.num_workers();
            let busy = workers.map(|worker| runtime.worker_total_busy_duration(worker).as_secs_f64()).sum();
            counter.observe(busy, &[]);
        })
        .build();
    let workers = Handle::current().metrics().num_workers() as u64;
    meter
        .u64_observable_gauge("tickcast.runtime.workers")
        .with_description("Worker threads")
        .with_callback(move |gauge| gauge.observe(workers, &[]))
        .build();
}

#[cfg(target_os = "linux")]
mod linux {
    use opentelemetry::KeyValue;
    use opentelemetry::metrics::Meter;
    use procfs::process::{LimitValue, Process};

    pub(super) fn observe(meter: &Meter) {
        meter
            .u64_observable_gauge("process.memory.usage")
            .with_unit("By")
            .with_description("Resident memory")
            .with_callback(|gauge| {
                if let Ok(memory) = Process::myself().and_then(|process| process.statm()) {
                    gauge.observe(memory.resident * procfs::page_size(), &[]);
                }
            })
            .build();
        meter
            .u64_observable_gauge("tickcast.file_descriptors")
            .with_description("File descriptors in use")
            .with_callback(|gauge| {
                if let Ok(count) = Process::myself().and_then(|process| process.fd_count()) {
                    gauge.observe(count as u64, &[]);
                }
            })
            .build();
        meter
            .u64_observable_gauge("tickcast.file_descriptors.limit")
            .with_description("Limit of file descriptors (ulimit -n)")
            .with_callback(|gauge| {
                let limits = Process::myself().and_then(|process| process.limits());
                if let Ok(LimitValue::Value(limit)) = limits.map(|limits| limits.max_open_files.soft_limit) {
                    gauge.observe(limit, &[]);
                }
            })
            .build();
        meter
            .f64_observable_counter("process.cpu.time")
            .with_unit("s")
            .with_description("Processor time, by mode")
            .with_callback(|counter| {
                let Ok(stat) = Process::myself().and_then(|process| process.stat()) else { return };
                let per_second = procfs::ticks_per_second() as f64;
                for (mode, ticks) in [("user", stat.utime), ("system", stat.stime)] {
                    counter.observe(ticks as f64 / per_second, &[KeyValue::new("cpu.mode", mode)]);
                }
            })
            .build();
    }
}

#include "streams.h"

#include <chrono>
#include <cstdio>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "counters.h"
#include "memory.h"

Counters emulator_counters;

namespace {

constexpr intptr_t LAST_BUILT_IN_STREAM = 2;  // 0: default, 1: legacy, 2: per thread

struct Node {
    std::string label;
    Work work;
};

using Graph = std::vector<Node>;

struct Event {
    double time_ms = 0;
    bool captured = false;
};

struct Capture {
    intptr_t origin = 0;
    std::set<intptr_t> streams;  // the origin, and those that waited for an event of the capture
    std::shared_ptr<Graph> graph;
    bool is_void = false;
};

std::unique_ptr<Capture> capture;
std::set<intptr_t> streams;
std::map<intptr_t, Event> events;
std::map<intptr_t, std::shared_ptr<Graph>> graphs;  // both templates and executable graphs
intptr_t last_handle = 0x5000;

intptr_t new_handle() {
    last_handle += 16;
    return last_handle;
}

intptr_t new_stream() {
    return *streams.insert(new_handle()).first;
}

intptr_t new_event() {
    intptr_t handle = new_handle();
    events[handle] = Event();
    return handle;
}

double now_ms() {
    auto now = std::chrono::steady_clock::now().time_since_epoch();
    return std::chrono::duration<double, std::milli>(now).count();
}

bool is_known_stream(intptr_t stream) {
    return (stream >= 0 && stream <= LAST_BUILT_IN_STREAM) || streams.count(stream);
}

PyObject* unknown(const char* kind, intptr_t handle) {
    return raise(INVALID_RESOURCE_HANDLE, "%s %zd does not exist", kind, handle);
}

}  // namespace

bool is_capturing(intptr_t stream) {
    return capture && capture->streams.count(stream);
}

bool is_any_capturing() {
    return capture != nullptr;
}

PyObject* refuse_in_capture(Status status, const char* what) {
    capture->is_void = true;
    return raise(status, "%s while a stream is being captured", what);
}

PyObject* submit(intptr_t stream, const char* label, Work work) {
    if (!is_known_stream(stream)) return unknown("stream", stream);
    if (!is_capturing(stream)) return work();
    capture->graph->push_back({label, std::move(work)});
    return none();
}

extern "C" {

// ---- streams ------------------------------------------------------------------------------------

intptr_t runtime_streamCreate(int) {
    return new_stream();
}

intptr_t runtime_streamCreateWithFlags(unsigned, int) {
    return new_stream();
}

intptr_t runtime_streamCreateWithPriority(unsigned, int, int) {
    return new_stream();
}

PyObject* runtime_streamDestroy(intptr_t stream, int) {
    if (!streams.erase(stream)) return unknown("stream", stream);
    return none();
}

PyObject* runtime_streamSynchronize(intptr_t stream, int) {
    if (!is_known_stream(stream)) return unknown("stream", stream);
    if (is_capturing(stream)) return refuse_in_capture(CAPTURE_UNSUPPORTED, "streamSynchronize");
    emulator_counters.syncs++;
    return none();
}

PyObject* runtime_deviceSynchronize(int) {
    if (capture) return refuse_in_capture(CAPTURE_UNSUPPORTED, "deviceSynchronize");
    emulator_counters.syncs++;
    return none();
}

PyObject* runtime_streamQuery(intptr_t, int) {
    return PyLong_FromLong(0);
}

unsigned runtime_streamGetFlags(intptr_t, int) {
    return 0;
}

int runtime_streamGetPriority(intptr_t, int) {
    return 0;
}

int runtime_streamIsCapturing(intptr_t stream, int) {
    return is_capturing(stream);
}

PyObject* runtime_streamWaitEvent(intptr_t stream, intptr_t event, int, void*) {
    if (!is_known_stream(stream)) return unknown("stream", stream);
    auto found = events.find(event);
    if (found == events.end()) return unknown("event", event);
    if (capture && found->second.captured) capture->streams.insert(stream);
    return none();
}

// All work is done when it is submitted, so the callback may run at once.
PyObject* runtime_launchHostFunc(intptr_t stream, PyObject* callback, intptr_t argument, int) {
    if (is_capturing(stream)) return refuse_in_capture(CAPTURE_UNSUPPORTED, "launchHostFunc");
    return PyObject_CallFunction(callback, "n", argument);
}

// ---- events -------------------------------------------------------------------------------------

intptr_t runtime_eventCreate(int) {
    return new_event();
}

intptr_t runtime_eventCreateWithFlags(unsigned, int) {
    return new_event();
}

PyObject* runtime_eventDestroy(intptr_t event, int) {
    if (!events.erase(event)) return unknown("event", event);
    return none();
}

PyObject* runtime_eventRecord(intptr_t event, intptr_t stream, int) {
    auto found = events.find(event);
    if (found == events.end()) return unknown("event", event);
    if (!is_known_stream(stream)) return unknown("stream", stream);
    found->second = {now_ms(), is_capturing(stream)};
    return none();
}

PyObject* runtime_eventQuery(intptr_t, int) {
    return PyLong_FromLong(0);
}

PyObject* runtime_eventSynchronize(intptr_t event, int) {
    auto found = events.find(event);
    if (found == events.end()) return unknown("event", event);
    if (capture && found->second.captured) {
        return refuse_in_capture(CAPTURE_UNSUPPORTED, "eventSynchronize");
    }
    emulator_counters.syncs++;
    return none();
}

float runtime_eventElapsedTime(intptr_t begin, intptr_t end, int) {
    return events[end].time_ms - events[begin].time_ms;
}

// ---- graphs -------------------------------------------------------------------------------------

PyObject* runtime_streamBeginCapture(intptr_t stream, int, void*) {
    if (!is_known_stream(stream)) return unknown("stream", stream);
    if (capture) return raise(CAPTURE_UNSUPPORTED, "another capture is under way");
    if (stream <= 1) return raise(CAPTURE_UNSUPPORTED, "the legacy stream cannot be captured");
    capture = std::make_unique<Capture>();
    capture->origin = stream;
    capture->streams.insert(stream);
    capture->graph = std::make_shared<Graph>();
    return none();
}

intptr_t runtime_streamEndCapture(intptr_t stream, int) {
    if (!capture || capture->origin != stream) {
        raise(INVALID_VALUE, "stream %zd did not begin a capture", stream);
        return 0;
    }
    std::unique_ptr<Capture> ended = std::move(capture);
    for (auto& [handle, event] : events) event.captured = false;
    if (ended->is_void) {
        raise(CAPTURE_INVALIDATED, "an operation that cannot be captured came in between");
        return 0;
    }
    intptr_t handle = new_handle();
    graphs[handle] = ended->graph;
    return handle;
}

intptr_t runtime_graphInstantiate(intptr_t graph, int) {
    auto found = graphs.find(graph);
    if (found == graphs.end()) {
        unknown("graph", graph);
        return 0;
    }
    intptr_t handle = new_handle();
    graphs[handle] = found->second;
    return handle;
}

PyObject* runtime_graphDestroy(intptr_t graph, int) {
    if (!graphs.erase(graph)) return unknown("graph", graph);
    return none();
}

PyObject* runtime_graphExecDestroy(intptr_t graph, int) {
    return runtime_graphDestroy(graph, 0);
}

PyObject* runtime_graphUpload(intptr_t graph, intptr_t, int) {
    if (!graphs.count(graph)) return unknown("graph", graph);
    return none();
}

PyObject* runtime_graphLaunch(intptr_t graph, intptr_t stream, int) {
    auto found = graphs.find(graph);
    if (found == graphs.end()) return unknown("graph", graph);
    std::shared_ptr<Graph> nodes = found->second;
    emulator_counters.graph_launches++;
    return submit(stream, "graph", [nodes]() -> PyObject* {
        for (Node& node : *nodes) {
            PyObject* done = node.work();
            if (!done) return nullptr;
            Py_DECREF(done);
        }
        return none();
    });
}

PyObject* runtime_graphDebugDotPrint(intptr_t graph, PyObject* path, unsigned, int) {
    auto found = graphs.find(graph);
    if (found == graphs.end()) return unknown("graph", graph);
    const char* name = PyUnicode_Check(path) ? PyUnicode_AsUTF8(path) : PyBytes_AsString(path);
    FILE* file = name ? fopen(name, "w") : nullptr;
    if (!file) return name ? PyErr_SetFromErrnoWithFilename(PyExc_OSError, name) : nullptr;
    fprintf(file, "digraph captured {\n");
    for (size_t i = 0; i < found->second->size(); i++) {
        fprintf(file, "  n%zu [label=\"%s\"];\n", i, (*found->second)[i].label.c_str());
        if (i) fprintf(file, "  n%zu -> n%zu;\n", i - 1, i);
    }
    fprintf(file, "}\n");
    fclose(file);
    return none();
}

void emulator_read_counters(Counters* out) {
    *out = emulator_counters;
}

void emulator_reset_counters() {
    uint64_t used = emulator_counters.bytes_used;
    emulator_counters = Counters();
    emulator_counters.bytes_used = used;
    emulator_counters.bytes_peak = used;
}

}  // extern "C"

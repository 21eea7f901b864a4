package main

// A row of the table.
type row int

const (
	ingestLarge row = iota
	ingestAll
	ingestSmall
	ingestBus
	writeMedian
	writeSlow
	memory
	memorySample
	memoryPeak
	manyFirst
	manyMemory
	manyIngest
	manyTimes
	manyBytes
	garbageShare
	garbagePause
	calmSlow
	savingSlow
	savingTimes
	diskLoaded
	diskStopped
	stopCPU
	restartCPU
	restartWall
	restartAllCPU
	restartAllWall
	oneCPU
	oneMedian
	oneSlow
	manyCPU
	manyMedian
	manySlow
	averageCPU
	averageMedian
	averageSlow
	kept
	lostAge
	valuesSame
	valuesRounded
	valuesBad
	answersBad
	busBad
	manyBad
)

// A rowText is how a row is told.
type rowText struct {
	row
	text    string
	digits  int  // behind the point
	compare bool // as so many times that of the first peer
}

// rowTexts are the rows, in their order. What is in braces is put in by table.fill.
func rowTexts() []rowText {
	return []rowText{
		{ingestLarge, "ingest, {size} samples a request: CPU-s per million", 3, true},
		{ingestAll, "the same, with what is done until it is idle: CPU-s per million", 3, true},
		{ingestSmall, "ingest, {small} samples a request: CPU-s per million", 3, true},
		{ingestBus, "ingest, {size} samples a message of NATS JetStream, acknowledged: CPU-s per million", 3, true},
		{writeMedian, "a request of {size}, median: ms", 1, true},
		{writeSlow, "a request of {size}, 99 %: ms", 1, true},
		{memory, "memory, loaded: MiB", 0, true},
		{memorySample, "memory above that of the empty process: bytes per sample", 2, true},
		{memoryPeak, "memory, at most: MiB", 0, true},
		{manyFirst, "the first sample of each of {many} series: CPU-s per million", 3, true},
		{manyMemory, "{many} series with one sample, above the empty process: bytes per series", 0, true},
		{manyIngest, "{manyslots} more samples of each: CPU-s per million", 3, true},
		{manyTimes, "the same, times what {series} series take", 2, false},
		{manyBytes, "{many} series with {manyslots} more, above the empty process: bytes per sample", 2, true},
		{garbageShare, "collecting garbage meanwhile: % of the CPU", 2, false},
		{garbagePause, "the longest that everything stood still for it, waiting for cores included: ms", 2, false},
		{calmSlow, "a request of {size} without a checkpoint, 99 %: ms", 1, false},
		{savingSlow, "the same while one is saved each second, 99 %: ms", 1, false},
		{savingTimes, "the same, times what it is without", 2, false},
		{diskLoaded, "disk, loaded: bytes per sample", 2, true},
		{diskStopped, "disk, stopped: bytes per sample", 2, true},
		{stopCPU, "stop: CPU-s", 2, true},
		{restartCPU, "restart, to the first right answer: CPU-s", 2, true},
		{restartWall, "restart, to the first right answer: s", 2, true},
		{restartAllCPU, "restart, to the right answer about {nodes} series: CPU-s", 2, true},
		{restartAllWall, "restart, to the right answer about {nodes} series: s", 2, true},
		{oneCPU, "one series × {slots}: CPU-ms", 3, true},
		{oneMedian, "one series × {slots}, median: ms", 2, true},
		{oneSlow, "one series × {slots}, 99 %: ms", 2, true},
		{manyCPU, "{nodes} series × {slots}: CPU-ms", 1, true},
		{manyMedian, "{nodes} series × {slots}, median: ms", 1, true},
		{manySlow, "{nodes} series × {slots}, 99 %: ms", 1, true},
		{averageCPU, "average of {nodes} series by slot: CPU-ms", 2, true},
		{averageMedian, "average of {nodes} series by slot, median: ms", 2, true},
		{averageSlow, "average of {nodes} series by slot, 99 %: ms", 2, true},
		{kept, "after kill -9, there of what was acknowledged: %", 3, false},
		{lostAge, "the oldest that is lost had been acknowledged for: s", 1, false},
		{valuesSame, "values that come back with the same 64 bits: %", 3, false},
		{valuesRounded, "values that come back rounded (by less than 1e-9; cc-metric-store by 0.0005): %", 3, false},
		{valuesBad, "values that are wrong, missing, or nobody's", 0, false},
		{answersBad, "the same, in answers to the questions", 0, false},
		{busBad, "the same, of what came over NATS", 0, false},
		{manyBad, "the same, of {many} series", 0, false},
	}
}

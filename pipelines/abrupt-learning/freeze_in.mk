# Freeze-in, figure 7: 25 cues that a network learns to stay at, how soon and how abruptly, and how many there may be.
# Included by the Makefile of this folder, after ../tools.mk. Half a minute of one core for a network of fig7; of capacity
# a second for 200 cues presented, and for each probe: FREEZE_SEEDS=0:2 and CUES="25 50" make it quick.
FREEZE_SEEDS := 0:8
CUES := 12 25 50 100
# Presentations, the same for all numbers of cues.
PRESENTATIONS := 32
FREEZE_THREADS := 1

.PHONY: fig7 capacity
fig7: $(OUT)/fig7/claims.parquet
capacity: $(OUT)/capacity/claims.parquet

FREEZE_IN = $(RNNKIT) freeze-in --seeds $(FREEZE_SEEDS) --threads $(FREEZE_THREADS)
FREEZE_CODE := freeze_in_claims.py ../claim_tables.py ../seed_verdicts.py

# Exit code 1 says that a point is not proven: it stays in, and the claims count it as none.
$(OUT)/fig7/after.parquet:
	mkdir -p $(@D)
	$(FREEZE_IN) -o $@ || test $$? = 1

$(OUT)/fig7/both.parquet:
	mkdir -p $(@D)
	$(FREEZE_IN) --plastic both --probe-every 24 --certify none -o $@

$(OUT)/fig7/freeze-in.svg: $(OUT)/fig7/after.parquet
	$(RNNKIT) plot freeze-in $< -o $@

$(OUT)/fig7/claims.parquet: $(FREEZE_CODE) $(OUT)/fig7/after.parquet $(OUT)/fig7/both.parquet $(OUT)/fig7/freeze-in.svg
	$(PYTHON) $< fig7 $(@D)/after.parquet --both $(@D)/both.parquet -o $@

$(OUT)/capacity/k%.parquet:
	mkdir -p $(@D)
	$(FREEZE_IN) --cues $* --epochs $(PRESENTATIONS) --probe-every 4 --certify none -o $@

$(OUT)/capacity/freeze-in.svg: $(CUES:%=$(OUT)/capacity/k%.parquet)
	$(RNNKIT) plot freeze-in $^ -o $@

$(OUT)/capacity/claims.parquet: $(FREEZE_CODE) $(CUES:%=$(OUT)/capacity/k%.parquet) $(OUT)/capacity/freeze-in.svg
	$(PYTHON) $< capacity $(CUES:%=$(@D)/k%.parquet) -o $@

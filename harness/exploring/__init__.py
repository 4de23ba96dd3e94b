"""Many simulated runs: searched for what fails (explorer), hunted for known bugs (hunt), made small (shrink)."""

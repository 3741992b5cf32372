//! What a call asks of whoever holds its session, without being asked by anybody: the process that began it may be gone.

use chrono::{DateTime, TimeDelta, Utc};

use super::record::{Record, Status};

/// What is to be done for a call now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Duty {
    /// It is being hung up: until that is confirmed.
    HangUp,
    /// Its maximum duration is over: it is to be hung up.
    EndDuration,
}

impl Record {
    /// What is to be done for the call at `now`; none where it waits for others.
    pub fn duty(&self, now: DateTime<Utc>) -> Option<Duty> {
        if self.status == Status::Terminating {
            return Some(Duty::HangUp);
        }
        let longest = self.profile.as_ref().and_then(|profile| profile.max_duration_seconds);
        let (seconds, started_at) = longest.zip(self.started_at)?;
        let over = self.status.is_live() && now - started_at >= TimeDelta::seconds(i64::from(seconds));
        over.then_some(Duty::EndDuration)
    }
}

#[cfg(test)]
mod tests {
    use super::super::specification::profile;
    use super::super::{Direction, References, SlotState};
    use super::*;
    use rstest::rstest;

    fn record(status: Status, max_duration_seconds: Option<u32>) -> Record {
        Record {
            profile: Some(super::super::Profile { max_duration_seconds, ..profile(Direction::Outbound) }),
            references: References::none(),
            status,
            slot: SlotState::Held,
            announced_at: DateTime::UNIX_EPOCH,
            started_at: Some(DateTime::UNIX_EPOCH),
            ended_at: None,
            end_reason: None,
            detail: None,
            hang_up_stalled: false,
        }
    }

    #[rstest]
    #[case::hanging_up(Status::Terminating, None, Some(Duty::HangUp))]
    #[case::hanging_up_too_long_a_call(Status::Terminating, Some(5), Some(Duty::HangUp))]
    #[case::without_a_limit(Status::Active, None, None)]
    #[case::within_its_limit(Status::Active, Some(11), None)]
    #[case::at_its_limit(Status::Active, Some(10), Some(Duty::EndDuration))]
    #[case::over(Status::Ended, Some(5), None)]
    fn a_call_is_hung_up_until_it_is_and_at_the_end_of_its_duration(
        #[case] status: Status,
        #[case] max_duration_seconds: Option<u32>,
        #[case] duty: Option<Duty>,
    ) {
        let now = DateTime::UNIX_EPOCH + TimeDelta::seconds(10);
        assert_eq!(record(status, max_duration_seconds).duty(now), duty);
    }

    #[test]
    fn a_call_that_has_not_begun_does_not_last() {
        let record = Record { started_at: None, ..record(Status::Uncertain, Some(1)) };
        assert_eq!(record.duty(DateTime::UNIX_EPOCH + TimeDelta::days(1)), None);
    }
}
